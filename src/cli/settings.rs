//! What is settled about a network, and where that came from, as text.

use crate::model::settings::Setting;
use crate::network::Network;

/// One line a setting, and one a note; for people.
pub fn text(network: &Network) -> String {
    let settings = &network.settings().0;
    let longest = |of: fn(&Setting) -> &str| settings.iter().map(|s| of(s).chars().count()).max();
    let (names, values) = (longest(|s| s.name).unwrap_or(0), longest(|s| &s.value).unwrap_or(0));
    let line = |s: &Setting| format!("  {:names$}  {:values$}  {}\n", s.name, s.value, s.source);
    let notes = network.notes().iter().map(|note| format!("note: {note}\n"));
    settings.iter().map(line).chain(notes).collect()
}
