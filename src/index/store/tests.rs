//! What is written comes back, and what is something else is refused.

use super::*;
use crate::interpretation::prototypes::ranking::Entry;
use crate::interpretation::prototypes::tally::Sighting;

pub(crate) fn about(folder: &Path) -> About {
    let layer =
        |name: &str, channels, field| IndexedLayer { name: name.to_owned(), channels, height: 4, width: 5, field };
    let window = ReceptiveField::Window { size: [7.0, 7.0], jump: [2.0, 2.0], start: [-3.0, -3.0] };
    About {
        network: "tiny".to_owned(),
        model: [7; 32],
        preparation: [8; 32],
        input: [16, 18],
        folder: folder.to_owned(),
        shard: Shard::default(),
        most: 3,
        layers: vec![layer("conv1", 2, window), layer("conv2", 3, ReceptiveField::Whole)],
    }
}

fn addition(about: &About) -> Addition {
    let mut tally = Tally::new(&about.channels(), about.most);
    let scores = vec![(0.0, 0.0), (0.1, 0.2), (0.5, 1.0), (-1.5, -1.0), (0.0, 0.0)];
    let peaks = (0..5).map(|unit| (unit, (2, 3))).collect();
    tally.record(&[Sighting { picture: u64::MAX - 5, scores, peaks }]);
    let seen = Rect { x: 0.5, y: 0.0, width: 3.0, height: 4.0 };
    let hash = |last| {
        let mut hash = [255; 32];
        hash[7] = last;
        hash
    };
    let file = |path: &str, holds| IndexedFile { path: path.into(), bytes: 9, modified: -1, holds };
    Addition {
        units: tally.units().iter().cloned().enumerate().collect(),
        pictures: vec![IndexedPicture { hash: hash(250), size: (4, 4), seen }],
        files: vec![
            file("b.png", Ok(u64::MAX - 5)),
            file("a.png", Ok(u64::MAX - 5)),
            file("c.png", Err("broken".to_owned())),
        ],
        runners: vec!["CPU".to_owned()],
        finished: true,
    }
}

#[test]
fn what_is_written_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, about) = (folder.path().join("made/i.sqlite"), about(folder.path()));
    let mut store = Store::open_or_create(&path, &about).unwrap();
    assert_eq!((store.about(), store.tally().unwrap()), (&about, Tally::new(&[2, 3], 3)));
    let addition = addition(&about);
    store.write(&addition).unwrap();
    let other = Store::open(&path).unwrap();
    let extent = Extent { pictures: 1, files: 2, broken: 1, finished: true, runners: vec!["CPU".to_owned()] };
    assert_eq!((other.about(), other.extent().unwrap()), (&about, extent));
    assert_eq!(other.alive().unwrap(), [vec![false, true], vec![true, true, false]]);
    let units: Vec<_> = other.tally().unwrap().units().iter().cloned().enumerate().collect();
    assert_eq!(units, addition.units);
    let unit = other.unit(1, 1).unwrap();
    assert_eq!(unit, addition.units[3].1);
    let entry = Entry { score: -1.5, picture: u64::MAX - 5, row: 2, column: 3 };
    assert_eq!(unit.mean.ranking.entries(), [entry]);
    let (picture, file) = other.picture(u64::MAX - 5).unwrap().unwrap();
    assert_eq!((&picture, file), (&addition.pictures[0], "a.png".into()), "the first file by name");
    assert_eq!(other.picture(1).unwrap(), None);
    assert_eq!(other.broken(9).unwrap(), [("c.png".into(), "broken".to_owned())]);
    let known = other.known().unwrap();
    assert!(known.files.contains(&file_key(b"c.png", 9, -1)) && known.pictures.contains(&(u64::MAX - 5)));
    assert!(!known.files.contains(&file_key(b"c.png", 8, -1)));
}

#[test]
fn two_that_write_do_not_overwrite_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (path, about) = (folder.path().join("i.sqlite"), about(folder.path()));
    let mut one = Store::open_or_create(&path, &about).unwrap();
    let mut other = Store::open_or_create(&path, &about).unwrap();
    one.write(&addition(&about)).unwrap();
    let error = other.write(&Addition::default()).unwrap_err();
    assert!(matches!(error, IndexError::Contested { .. }), "{error}");
    assert_eq!(one.extent().unwrap().pictures, 1);
}

#[test]
fn a_file_counts_once_however_often_it_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let about = about(folder.path());
    let mut store = Store::open_or_create(&folder.path().join("i.sqlite"), &about).unwrap();
    store.write(&addition(&about)).unwrap();
    let again = |path: &str, holds| IndexedFile { path: path.into(), bytes: 10, modified: 5, holds };
    let files =
        vec![again("c.png", Ok(u64::MAX - 5)), again("a.png", Err("cut off".to_owned())), again("d.png", Ok(3))];
    store.write(&Addition { files, ..Addition::default() }).unwrap();
    let extent = store.extent().unwrap();
    assert_eq!((extent.pictures, extent.files, extent.broken), (1, 3, 1));
    let broken = store.files().unwrap().into_iter().filter(|file| file.holds.is_err()).count();
    assert_eq!((store.files().unwrap().len(), broken), (4, 1), "as the rows themselves say");
}

#[test]
fn another_index_and_what_is_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (path, about) = (folder.path().join("i.sqlite"), about(folder.path()));
    let absent = Store::open(&path).err().unwrap();
    assert!(matches!(absent, IndexError::Absent { .. }), "{absent}");
    Store::open_or_create(&path, &about).unwrap();
    for (other, says) in [
        (About { model: [1; 32], ..about.clone() }, "of the network"),
        (About { preparation: [1; 32], ..about.clone() }, "prepared"),
        (About { folder: "elsewhere".into(), ..about.clone() }, "elsewhere"),
        (About { shard: Shard { index: 2, count: 3 }, ..about.clone() }, "2/3"),
    ] {
        let error = Store::open_or_create(&path, &other).err().unwrap().to_string();
        assert!(error.contains(says) && error.contains("i.sqlite"), "{error}");
    }
    for content in ["not an index at all", "SQLite format 3\0 but no more"] {
        std::fs::write(&path, content.repeat(200)).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert!(matches!(error, IndexError::NoIndex { .. }), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let error = Store::open_or_create(&path, &about).err().unwrap();
    assert!(matches!(error, IndexError::NoIndex { .. }), "{error}");
}
