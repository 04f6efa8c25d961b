//! Which device the graphs run on, as the user asks for it. Must not know how a device is opened.

use std::fmt;
use std::str::FromStr;

/// The device asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The GPU where the library and the machine have one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device. It is an error if it cannot be used, never a quiet run on the CPU.
    Cuda {
        /// Its index, as CUDA counts.
        index: u32,
        /// Whether convolutions and products of matrices may round their factors to 10 bits (TensorFloat-32): faster from
        /// NVIDIA's Ampere on, and off by about 10⁻³.
        tf32: bool,
    },
}

/// A device name that is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a device: use auto, cpu, cuda or cuda:N (N counts from 0), or cuda:N:tf32 for TensorFloat-32")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let unknown = || UnknownDevice(text.to_owned());
        match lower.as_str() {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            _ => {}
        }
        let (cuda, tf32) = lower.strip_suffix(":tf32").map_or((lower.as_str(), false), |cuda| (cuda, true));
        let index = match cuda.strip_prefix("cuda").ok_or_else(unknown)? {
            "" => 0,
            index => index.strip_prefix(':').and_then(|index| index.parse().ok()).ok_or_else(unknown)?,
        };
        Ok(Self::Cuda { index, tf32 })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda { index, tf32 } => write!(f, "cuda:{index}{}", if *tf32 { ":tf32" } else { "" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        assert_eq!("CPU".parse(), Ok(DeviceChoice::Cpu));
        let cuda = |index, tf32| DeviceChoice::Cuda { index, tf32 };
        assert_eq!("cuda".parse(), Ok(cuda(0, false)));
        assert_eq!("cuda:tf32".parse(), Ok(cuda(0, true)));
        for device in [DeviceChoice::Auto, DeviceChoice::Cpu, cuda(3, false), cuda(1, true)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for wrong in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda3", "cpu:tf32", "tf32"] {
            assert_eq!(wrong.parse::<DeviceChoice>(), Err(UnknownDevice(wrong.to_owned())));
        }
    }
}
