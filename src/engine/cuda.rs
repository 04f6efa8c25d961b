//! What CUDA needs beside ONNX Runtime: NVIDIA's libraries, where pip has put them, and how much memory a GPU has left.
//!
//! Must not know ONNX Runtime's sessions. Nothing here fails: what is missing, the runtime names in its own words when the
//! device is tried.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nvml_wrapper::{Device, Nvml};

/// The part of ONNX Runtime that runs on CUDA, beside its library.
pub(super) const PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// Libraries that ONNX Runtime and cuDNN open by name while they run, so that nothing says that they are needed. All of cuDNN,
/// or its parts come from two places and refuse each other.
const OPENED_LATER: [&str; 2] = ["libcudnn", "libnvrtc."];

/// How ONNX Runtime begins to say that CUDA counts fewer GPUs.
const NO_SUCH_GPU: &str = "Invalid device ID";

/// NVIDIA's libraries that lie in the same Python packages as ONNX Runtime's `library`, each after those that it needs: pip
/// puts cuBLAS, cuDNN and the rest into `site-packages/nvidia/*/lib`, where the system's loader does not look; once they are
/// loaded, it finds them by name (Python's `onnxruntime.preload_dlls()` does the same). None where CUDA is installed in the
/// system.
pub(super) fn libraries(library: &Path) -> Vec<PathBuf> {
    let found = beside(library);
    let mut order = Vec::new();
    if !found.is_empty() {
        visit(&library.with_file_name(PROVIDER), &found, &mut order);
        let later = |name: &str| OPENED_LATER.iter().any(|start| name.starts_with(start));
        found.iter().filter(|(name, _)| later(name)).for_each(|(_, path)| visit(path, &found, &mut order));
    }
    // The provider itself is ONNX Runtime's to load.
    order.retain(|path| !path.ends_with(PROVIDER));
    order
}

/// The libraries `NAME → file` in `nvidia/*/lib` beside the package whose `capi` folder the library lies in.
fn beside(library: &Path) -> BTreeMap<String, PathBuf> {
    let packages = library.ancestors().nth(3).map(|packages| packages.join("nvidia"));
    let folders = packages.and_then(|nvidia| nvidia.read_dir().ok()).into_iter().flatten().flatten();
    let files = folders.filter_map(|package| package.path().join("lib").read_dir().ok()).flatten().flatten();
    files.filter_map(|file| Some((file.file_name().into_string().ok()?, file.path()))).collect()
}

/// Puts a library behind all those of `found` that it needs.
fn visit(path: &Path, found: &BTreeMap<String, PathBuf>, order: &mut Vec<PathBuf>) {
    let mut waiting = vec![(path.to_owned(), false)];
    let mut seen = Vec::new();
    while let Some((path, ready)) = waiting.pop() {
        if ready {
            order.push(path);
        } else if !seen.contains(&path) && !order.contains(&path) {
            let needed = needed(&path);
            seen.push(path.clone());
            waiting.push((path, true));
            waiting.extend(needed.iter().filter_map(|name| Some((found.get(name)?.clone(), false))));
        }
    }
}

/// The names of the libraries that a library says it needs.
fn needed(path: &Path) -> Vec<String> {
    super::library::needed(path).unwrap_or_else(|error| {
        tracing::warn!(%error, path = %path.display(), "what a library needs could not be read");
        Vec::new()
    })
}

/// Whether NVIDIA's driver runs on this machine.
pub(super) fn has_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
}

/// Why CUDA cannot be used, without where in its source ONNX Runtime says so.
pub(super) fn in_words(reason: &str) -> String {
    let plain = reason.rsplit_once(" with error: ").map_or(reason, |(_, plain)| plain);
    match plain.find(NO_SUCH_GPU) {
        Some(at) => format!("there is no such GPU ({})", &plain[at..]),
        None if plain.starts_with("libcuda.so") => {
            format!("NVIDIA's driver is not installed on this machine ({plain})")
        }
        None => plain.to_owned(),
    }
}

/// A GPU, as NVIDIA's driver tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gpu {
    /// Name, such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Bytes of memory that nobody uses now.
    pub free: u64,
}

/// The driver's library, opened once: that takes longer than many a run.
static NVML: OnceLock<Option<Nvml>> = OnceLock::new();

/// The GPU that CUDA counts as `index`; `None` where the driver does not tell, or where it is not certain which one CUDA
/// means.
pub(super) fn gpu(index: u32) -> Option<Gpu> {
    let nvml = NVML.get_or_init(|| Nvml::init().ok()).as_ref()?;
    let count = nvml.device_count().ok()?;
    let visible = env::var("CUDA_VISIBLE_DEVICES").ok();
    let device = match which(visible.as_deref(), index)? {
        Which::Uuid(uuid) => nvml.device_by_uuid(uuid).ok()?,
        Which::Number(number) => {
            // CUDA counts the fastest first unless it is told otherwise, the driver by the bus: the same where all are alike.
            let by_bus = env::var("CUDA_DEVICE_ORDER").is_ok_and(|order| order == "PCI_BUS_ID");
            let names: Vec<_> = (0..count).filter_map(|at| nvml.device_by_index(at).ok()?.name().ok()).collect();
            if !by_bus && names.windows(2).any(|pair| pair[0] != pair[1]) {
                return None;
            }
            nvml.device_by_index(number).ok()?
        }
    };
    let told = |device: Device<'_>| Some(Gpu { name: device.name().ok()?, free: device.memory_info().ok()?.free });
    told(device)
}

/// How a GPU is named among all of the machine.
#[derive(Debug, PartialEq, Eq)]
enum Which {
    Number(u32),
    Uuid(String),
}

/// The GPU that counts as `index` among those that `CUDA_VISIBLE_DEVICES` lists: numbers or UUIDs, up to the first that is
/// neither.
fn which(visible: Option<&str>, index: u32) -> Option<Which> {
    let Some(visible) = visible else { return Some(Which::Number(index)) };
    let entries = visible.split(',').map(str::trim).map_while(|entry| match entry.parse() {
        Ok(number) => Some(Which::Number(number)),
        Err(_) => entry.starts_with("GPU-").then(|| Which::Uuid(entry.to_owned())),
    });
    entries.into_iter().nth(index as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_devices_are_counted_as_cuda_does() {
        assert_eq!(which(None, 2), Some(Which::Number(2)));
        assert_eq!(which(Some("3, 1"), 1), Some(Which::Number(1)));
        assert_eq!(which(Some("GPU-ab,0"), 0), Some(Which::Uuid("GPU-ab".to_owned())));
        assert_eq!(which(Some("0,-1,1"), 2), None, "what comes after something invalid is hidden");
        assert_eq!(which(Some(""), 0), None);
    }

    #[test]
    fn a_missing_driver_is_named_as_one() {
        let missing =
            |library| format!("a.cc:20 Get() FAIL : Failed to load library /x.so with error: {library}: no such file");
        assert_eq!(in_words(&missing("libcudnn.so.9")), "libcudnn.so.9: no such file");
        let driver = in_words(&missing("libcuda.so.1"));
        assert_eq!(driver, "NVIDIA's driver is not installed on this machine (libcuda.so.1: no such file)");
        let seventh = "a.cc:63 From() [ONNXRuntimeError] : 1 : FAIL : b.h:187 Parse Failed: a.cc:71 operator() Invalid device ID: 7, \
                       must be between 0 (inclusive) and 1 (exclusive).";
        let fewer = "there is no such GPU (Invalid device ID: 7, must be between 0 (inclusive) and 1 (exclusive).)";
        assert_eq!(in_words(seventh), fewer);
        assert_eq!(
            in_words("CUDA failure 100: no CUDA-capable device is detected"),
            "CUDA failure 100: no CUDA-capable device is detected"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_needed_comes_first() {
        let library = super::super::library::locate_or_fetch(&Default::default(), &mut |_, _| ()).unwrap().path;
        let needs = super::super::library::needed(&library).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let capi = folder.path().join("onnxruntime/capi");
        let nvidia = folder.path().join("nvidia/cublas/lib");
        std::fs::create_dir_all(&capi).unwrap();
        std::fs::create_dir_all(&nvidia).unwrap();
        // A provider that needs what ONNX Runtime needs, the first of which lies in NVIDIA's package and needs as much.
        std::fs::copy(&library, capi.join(PROVIDER)).unwrap();
        std::fs::copy(&library, nvidia.join(&needs[0])).unwrap();
        let found = beside(&capi.join("libonnxruntime.so.1"));
        assert_eq!(found.keys().collect::<Vec<_>>(), [&needs[0]]);
        assert_eq!(libraries(&capi.join("libonnxruntime.so.1")), [nvidia.join(&needs[0])]);
        let mut order = Vec::new();
        visit(&capi.join(PROVIDER), &found, &mut order);
        assert_eq!(order, [nvidia.join(&needs[0]), capi.join(PROVIDER)]);
        assert!(libraries(Path::new("/libonnxruntime.so")).is_empty());
        // Nobody says that they need cuDNN.
        let cudnn = folder.path().join("nvidia/cudnn/lib");
        std::fs::create_dir_all(&cudnn).unwrap();
        let all = ["libcudnn.so.9", "libcudnn_ops.so.9"].map(|name| cudnn.join(name));
        all.iter().for_each(|path| _ = std::fs::copy(&library, path).unwrap());
        let loaded = libraries(&capi.join("libonnxruntime.so.1"));
        assert!(all.iter().all(|path| loaded.contains(path)), "{loaded:?}");
    }
}
