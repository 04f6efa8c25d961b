//! Enumerations with a name: what a flag accepts, what `--json` prints and what a key steps through is one list.

/// Declares an enumeration whose variants have a fixed name. It gets `ALL`, `name()`, `step()`, [`std::fmt::Display`],
/// [`std::str::FromStr`], [`clap::ValueEnum`] and [`serde::Serialize`], all by that name.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $($(#[$doc])* $variant,)+ }

        impl $type {
            /// Every variant, in the order in which keys step through them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name on the command line, in `--json` and on the screen.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The variant `by` places further on, round and round.
            pub fn step(self, by: isize) -> Self {
                let count = Self::ALL.len() as isize;
                let at = Self::ALL.iter().position(|each| *each == self).unwrap_or(0) as isize;
                Self::ALL[(at + by).rem_euclid(count) as usize]
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::choice::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|each| each.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
                    $crate::choice::UnknownName {
                        name: name.to_owned(),
                        known: Self::ALL.iter().map(|each| each.name()).collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }

        impl clap::ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                Self::ALL
            }

            fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
                Some(clap::builder::PossibleValue::new(self.name()))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

pub(crate) use choice;

/// A name that is not in the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is not known here; known are {known}")]
pub struct UnknownName {
    /// What was asked for.
    pub name: String,
    /// What there is, comma separated.
    pub known: String,
}

#[cfg(test)]
mod tests {
    use crate::look::View;

    #[test]
    fn names_round_trip_and_steps_go_round() {
        for view in View::ALL {
            assert_eq!(view.name().parse::<View>().as_ref(), Ok(view));
        }
        assert_eq!(View::ALL[0].step(-1).step(1), View::ALL[0]);
        assert_eq!(View::Map.step(View::ALL.len() as isize), View::Map);
        let error = "heatmap".parse::<View>().unwrap_err().to_string();
        assert!(error.contains("heatmap") && error.contains("side-by-side"), "{error}");
    }
}
