//! Indexes as a user sees them: made, killed and gone on with, in shards, in a Slurm array, and asked.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, or says why it is skipped"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use image::{Rgb, RgbImage};
use lensor::index::Store;
use lensor::index::store::IndexedPicture;
use lensor::interpretation::prototypes::tally::Tally;
use ndarray::{Array1, Array2};
use ndarray_npy::{NpzReader, ReadNpyExt};
use serde_json::{Value, json};

#[path = "support/colours.rs"]
mod colours;
#[path = "support/data.rs"]
mod data;
#[path = "support/program.rs"]
mod program;

use colours::Studio;
use program::succeeded;

fn lensor(studio: &Studio, arguments: &[&str]) -> Command {
    let mut command = program::on_colours(studio, arguments);
    command.env("XDG_DATA_HOME", data::home(studio.folder())).env_remove("SLURM_ARRAY_TASK_ID");
    command
}

fn json_of(studio: &Studio, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeded(lensor(studio, &[arguments, &["--json"]].concat()).output().unwrap())).unwrap()
}

/// A studio with so many pictures of squares in all colours and sizes.
fn studio(count: u32) -> Studio {
    let studio = Studio::new();
    std::fs::create_dir_all(studio.path("photos/deeper")).unwrap();
    for at in 0..count {
        let picture =
            RgbImage::from_fn(40, 36, |x, y| match (at..at + 12).contains(&x) && (4..20 + at / 2).contains(&y) {
                true => Rgb([at * 37, at * 91, at * 53].map(|level| (level % 230) as u8 + 20)),
                false => Rgb([(x + y) as u8, 20, (x * 2) as u8]),
            });
        let deeper = if at.is_multiple_of(3) { "deeper/" } else { "" };
        picture.save(studio.path(&format!("photos/{deeper}{at:02}.png"))).unwrap();
    }
    studio
}

/// Everything in an index but the files, which have their times.
fn content(file: &Path) -> (Tally, Vec<IndexedPicture>) {
    let store = Store::open(file).unwrap();
    (store.tally().unwrap(), store.pictures().unwrap())
}

#[test]
fn an_index_is_made_and_asked() {
    let studio = studio(0);
    studio.square("photos/red.png", [220, 30, 30]);
    studio.square("photos/deeper/blue.png", [30, 30, 220]);
    std::fs::write(studio.path("photos/broken.png"), "no picture").unwrap();
    let made = json_of(&studio, &["index", "photos"]);
    assert_eq!(
        (&made["extent"]["pictures"], &made["extent"]["finished"], &made["units"]),
        (&json!(2), &json!(true), &json!(3))
    );
    assert!(made["broken"][0]["file"].as_str().unwrap().ends_with("broken.png"), "{made}");
    let top = ["top", "--layer", "maps:2", "--out", "top.png", "--out", "top.npz", "--out", "top.npy"];
    let report = json_of(&studio, &top);
    let first = &report["examples"][0];
    assert!(first["file"].as_str().unwrap().ends_with("deeper/blue.png"), "{report}");
    assert_eq!((&report["unit"], &report["by"]), (&json!("maps:2"), &json!("max")));
    // A 3 × 3 kernel on 32 × 32 of 64 × 64 pixels, somewhere in the blue square or at its edge.
    let crop = &first["crop"];
    assert_eq!((&crop["width"], &crop["height"]), (&json!(6.0), &json!(6.0)));
    assert!((2.0..24.0).contains(&crop["x"].as_f64().unwrap()) && (2.0..24.0).contains(&crop["y"].as_f64().unwrap()));
    let scores = Array1::<f32>::read_npy(std::fs::File::open(studio.path("top.npy")).unwrap()).unwrap();
    assert_eq!(scores.len(), 2);
    let mut npz = NpzReader::new(std::fs::File::open(studio.path("top.npz")).unwrap()).unwrap();
    let crops: Array2<f32> = npz.by_name("crops").unwrap();
    assert_eq!(f64::from(crops[[0, 0]]), crop["x"].as_f64().unwrap());
    let drawn = image::open(studio.path("top.png")).unwrap().to_rgb8();
    assert!(drawn.pixels().any(|pixel| pixel.0[2] > 180 && pixel.0[0] < 60), "the blue square");
    let sum = json_of(&studio, &["top", "photos", "--layer", "maps:2", "--by", "sum"]);
    let mean = json_of(&studio, &["top", "--layer", "maps:2", "--by", "mean"]);
    let score = |report: &Value| report["examples"][0]["score"].as_f64().unwrap();
    assert!((score(&sum) - 1024.0 * score(&mean)).abs() < 1e-2 * score(&sum));
    let text = succeeded(lensor(&studio, &["top", "--layer", "maps", "--by", "mean"]).output().unwrap());
    assert!(text.contains("3 channels, 1 dead, of 2 pictures"), "nothing is green: {text}");
    let grouped = json_of(&studio, &["top", "--layer", "maps:2", "--clusters"]);
    assert_eq!(grouped["clusters"]["of"], json!([0, 0]), "two are one group");
    // What needs no picture any more still answers.
    std::fs::remove_dir_all(studio.path("photos/deeper")).unwrap();
    assert_eq!(score(&json_of(&studio, &["top", "--layer", "maps:2"])), score(&report));
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_counts_nothing_twice() {
    let studio = studio(30);
    json_of(&studio, &["index", "photos", "--index", "whole.sqlite"]);
    let expected = content(&studio.path("whole.sqlite"));
    let arguments = ["index", "photos", "--index", "killed.sqlite", "--write-every", "0"];
    let file = studio.path("killed.sqlite");
    let mut kills = 0;
    for least in [0, 0, 1, 3, 4, 7, 11, 16, 20, 25, 29] {
        let mut child = lensor(&studio, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let there = || Store::open(&file).ok().and_then(|store| store.extent().ok()).map(|extent| extent.pictures);
        while there().is_none_or(|pictures| pictures < least) && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        kills += u32::from(killed(&mut child));
    }
    assert!(kills > 3, "it was killed {kills} times");
    let last = json_of(&studio, &arguments);
    assert_eq!((&last["extent"]["pictures"], &last["extent"]["finished"]), (&json!(30), &json!(true)));
    assert_eq!(content(&file), expected);
}

/// Ends a process with SIGKILL; whether it was still running.
fn killed(child: &mut Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn shards_of_a_slurm_array_make_the_whole() {
    let studio = studio(20);
    json_of(&studio, &["index", "photos", "--index", "whole.sqlite"]);
    for task in 5..=7 {
        let file = format!("shard-{task}.sqlite");
        let mut command = lensor(&studio, &["index", "photos", "--index", &file, "--json"]);
        let variables = [("ID", task), ("MIN", 5), ("MAX", 7), ("COUNT", 3), ("STEP", 1)];
        command.envs(variables.map(|(name, value)| (format!("SLURM_ARRAY_TASK_{name}"), value.to_string())));
        let report: Value = serde_json::from_str(&succeeded(command.output().unwrap())).unwrap();
        assert_eq!(report["shard"], format!("{}/3", task - 4));
    }
    let shards = ["shard-7.sqlite", "shard-5.sqlite", "shard-6.sqlite"];
    let refused = lensor(&studio, &["index", "merge", shards[0], shards[1], "--index", "all.sqlite"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("shard 2/3 is missing"));
    succeeded(lensor(&studio, &[&["index", "merge", "--index", "all.sqlite"][..], &shards].concat()).output().unwrap());
    assert_eq!(content(&studio.path("all.sqlite")), content(&studio.path("whole.sqlite")));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let studio = studio(2);
    for (arguments, says) in [
        (&["index", "nowhere"][..], "nowhere"),
        (&["index", "photos", "--shard", "3/2"], "no shard 3 of 2"),
        (&["index", "photos", "--top", "0"], "--top"),
        (&["top", "--layer", "maps:0"], "lensor index"),
        (&["top", "--layer", "maps:0", "--index", "colours.onnx"], "no index of lensor"),
    ] {
        let output = lensor(&studio, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{arguments:?}: {said}");
    }
    json_of(&studio, &["index", "photos", "--index", "i.sqlite"]);
    let more = lensor(&studio, &["index", "photos", "--index", "i.sqlite", "--top", "9"]).output().unwrap();
    assert!(String::from_utf8_lossy(&more.stderr).contains("keeps 16 pictures"));
}

/// The sbatch file on a real Slurm of one node, where its programs are installed and this runs as root; skipped, and said
/// so, where they are not.
#[test]
fn a_slurm_array_makes_the_whole() {
    let here = |program: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
    };
    let missing: Vec<&str> =
        ["slurmctld", "slurmd", "munged", "sbatch"].into_iter().filter(|name| !here(name)).collect();
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !missing.is_empty() || !root {
        println!("skipped: this needs root and Slurm (apt-get install slurmctld slurmd munge); missing: {missing:?}");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm");
    let slurm = tempfile::tempdir().unwrap();
    let node = |action: &str| {
        let mut command = Command::new("bash");
        command.arg(tests.join("node.sh")).arg(action).arg(slurm.path()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
    };
    if !node("start").success() {
        node("stop");
        println!("skipped: Slurm does not start on this machine");
        return;
    }
    let studio = studio(20);
    let submit = |array: &[&str]| {
        // A Slurm that stops answering fails the test and does not hang it.
        let mut command = Command::new("timeout");
        command.args(["300", "sbatch"]);
        command.env("SLURM_CONF", slurm.path().join("slurm.conf")).current_dir(studio.folder());
        let program = Path::new(env!("CARGO_BIN_EXE_lensor")).parent().unwrap().to_path_buf();
        let path = std::env::join_paths(
            [program].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        command.env("PATH", path.unwrap()).args(["--wait", "--cpus-per-task=1", "--mem=0"]).args(array);
        command.arg(tests.join("index.sbatch")).args(["colours.onnx", "photos", "indexes"]).output().unwrap()
    };
    let (shards, merged) = (submit(&["--array=3-7:2"]), submit(&[]));
    node("stop");
    assert!(shards.status.success() && merged.status.success(), "{shards:?} {merged:?}");
    json_of(&studio, &["index", "photos", "--index", "whole.sqlite"]);
    assert_eq!(content(&studio.path("indexes/index.sqlite")), content(&studio.path("whole.sqlite")));
    assert_eq!(std::fs::read_dir(studio.path("indexes")).unwrap().count(), 4);
}
