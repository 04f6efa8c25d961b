//! Network files that are damaged, or made to hurt: the program ends in an error that says what is wrong, soon and in
//! little memory, and reads nothing outside the file's folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use lensor::onnx::build::{Attr, GraphBuilder};
use lensor::onnx::proto::{
    AttributeProto, EXTERNAL, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    StringStringEntryProto, TensorProto,
};
use lensor::onnx::{DataType, Dim};
use prost::Message;
use rand::{Rng, SeedableRng};

#[path = "support/colours.rs"]
mod colours;

/// Longest time that a file may take: a guard against hanging, on machines that are busy.
const LONGEST: Duration = Duration::from_secs(20);

/// Most memory of its own that the program may take, in KiB.
const MOST_MEMORY: usize = 1 << 20;

/// What the program says about a file in `folder`, which it has to refuse.
fn refusal(folder: &Path, file: &str) -> String {
    let lensor = [env!("CARGO_BIN_EXE_lensor"), "layers", "--device", "cpu", "--model", file];
    let mut command = match cfg!(target_os = "linux") {
        true => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -d {MOST_MEMORY}; exec \"$@\""), "sh"]).args(lensor);
            shell
        }
        false => {
            let mut command = Command::new(lensor[0]);
            command.args(&lensor[1..]);
            command
        }
    };
    let output = command.current_dir(folder).timeout(LONGEST).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{file}: {said:.8000}");
    assert!(said.starts_with("error: ") && !said.contains("panicked") && said.len() < 8000, "{file}: {said:.8000}");
    said
}

/// A graph from the picture `x` to the scores `y`, between which something is wrong.
fn graph(between: impl FnOnce(&mut GraphBuilder)) -> GraphProto {
    let mut b = GraphBuilder::new("");
    b.input("x", DataType::Float, &[1, 3, 32, 32].map(Dim::Fixed));
    between(&mut b);
    b.output("y");
    b.finish()
}

fn model(graph: GraphProto) -> Vec<u8> {
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import, ..Default::default() }.encode_to_vec()
}

fn nodes(between: impl FnOnce(&mut GraphBuilder)) -> Vec<u8> {
    model(graph(between))
}

/// A constant `w` that the scores are made of.
fn constant(tensor: TensorProto) -> Vec<u8> {
    let tensor = TensorProto { name: "w".to_owned(), data_type: DataType::Float as i32, ..tensor };
    let graph = graph(|b| b.named_node("Add", &["x", "w"], &["y"], &[]));
    model(GraphProto { initializer: vec![tensor], ..graph })
}

/// A constant whose elements lie in another file.
fn elsewhere(location: &str, length: u64) -> Vec<u8> {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    let external_data = vec![entry("location", location.to_owned()), entry("length", length.to_string())];
    constant(TensorProto {
        dims: vec![length as i64 / 4],
        data_location: EXTERNAL,
        external_data,
        ..Default::default()
    })
}

/// A field of another message: its number and its content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut whole = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut whole);
    [&whole, content].concat()
}

/// A graph in an attribute of a node of a graph, so many times, as bytes: a message that deep cannot be built.
fn nested(depth: usize) -> Vec<u8> {
    let inside = |graph: Vec<u8>, _| field(1, &field(5, &field(6, &graph)));
    field(7, &(0..depth).fold(Vec::new(), inside))
}

fn sparse(dims: Vec<i64>) -> SparseTensorProto {
    let values = TensorProto {
        dims: vec![1],
        data_type: DataType::Float as i32,
        name: "w".to_owned(),
        float_data: vec![1.0],
        ..Default::default()
    };
    let indices = TensorProto {
        dims: vec![1],
        data_type: DataType::Int64 as i32,
        name: "where".to_owned(),
        int64_data: vec![1 << 50],
        ..Default::default()
    };
    SparseTensorProto { values: Some(values), indices: Some(indices), dims }
}

/// A number for zeros, and another for other pictures: nothing shows it before a run.
fn counted(b: &mut GraphBuilder, number: f32) -> String {
    let highest = b.node("GlobalMaxPool", &["x"], &[]);
    let (one, number) = (b.node("Cos", &[&highest], &[]), b.scalar(number));
    let number = b.node("Mul", &[&one, &number], &[]);
    let (axes, first, last) = (b.ints(&[-1]), b.ints(&[0]), b.ints(&[1]));
    let flat = b.node("Reshape", &[&number, &axes], &[]);
    let number = b.node("Slice", &[&flat, &first, &last], &[]);
    b.node("Cast", &[&number], &[("to", Attr::Int(DataType::Int64 as i64))])
}

/// A network that goes through a Loop, whose body makes `next` of `state`, so many times.
fn looped(rounds: i64, body: impl FnOnce(&mut GraphBuilder)) -> Vec<u8> {
    let mut inside = GraphBuilder::new("inside/");
    inside.input("round", DataType::Int64, &[]);
    inside.input("go", DataType::Bool, &[]);
    inside.input("state", DataType::Float, &[(); 4].map(|()| Dim::Unknown));
    inside.named_node("Identity", &["go"], &["goes"], &[]);
    body(&mut inside);
    inside.output("goes");
    inside.output("next");
    let g = Some(Box::new(GraphProto { name: "body".to_owned(), ..inside.finish() }));
    let attribute = vec![AttributeProto { name: "body".to_owned(), g, r#type: 5, ..Default::default() }];
    let mut graph = graph(|b| {
        b.named_constant("rounds", &[], DataType::Int64, rounds.to_le_bytes().to_vec());
        b.named_constant("yes", &[], DataType::Bool, vec![1]);
        b.named_node("GlobalAveragePool", &["last"], &["y"], &[]);
    });
    let node = NodeProto {
        op_type: "Loop".to_owned(),
        input: ["rounds", "yes", "x"].map(str::to_owned).to_vec(),
        output: vec!["last".to_owned()],
        attribute,
        ..Default::default()
    };
    graph.node.insert(0, node);
    model(graph)
}

#[test]
fn sizes_that_only_a_run_shows_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let pooled = |b: &mut GraphBuilder, maps: &str| b.named_node("GlobalAveragePool", &[maps], &["y"], &[]);
    let repeated = |b: &mut GraphBuilder, maps: &str, number: &str| {
        let ones = b.ints(&[1, 1, 1]);
        let repeats = b.node("Concat", &[&ones, number], &[("axis", Attr::Int(0))]);
        b.node("Tile", &[maps, &repeats], &[])
    };
    let scores = |b: &mut GraphBuilder, numbers: &str| {
        let sum = b.node("ReduceSum", &[numbers], &[("keepdims", Attr::Int(0))]);
        let sum = b.node("Cast", &[&sum], &[("to", Attr::Int(DataType::Float as i64))]);
        let added = b.node("Add", &["x", &sum], &[]);
        pooled(b, &added);
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a tensor filled",
            nodes(|b| {
                let count = counted(b, 5e8);
                let filled = b.node("ConstantOfShape", &[&count], &[]);
                scores(b, &filled);
            }),
            "ConstantOfShape",
        ),
        (
            "a long range",
            nodes(|b| {
                let (count, zero, one) = (counted(b, 3e8), b.int(0), b.int(1));
                let axis = b.ints(&[0]);
                let count = b.node("Squeeze", &[&count, &axis], &[]);
                let range = b.node("Range", &[&zero, &count, &one], &[]);
                scores(b, &range);
            }),
            "Range",
        ),
        (
            "repeated",
            nodes(|b| {
                let count = counted(b, 60_000.0);
                let tiled = repeated(b, "x", &count);
                pooled(b, &tiled);
            }),
            "Tile",
        ),
        (
            "stretched",
            nodes(|b| {
                let (count, ones) = (counted(b, 80_000.0), b.ints(&[1, 1, 1]));
                let shape = b.node("Concat", &[&count, &ones], &[("axis", Attr::Int(0))]);
                let wide = b.node("Expand", &["x", &shape], &[]);
                pooled(b, &wide);
            }),
            "Expand",
        ),
        (
            "resized",
            nodes(|b| {
                let count = counted(b, 250.0);
                let factor = b.node("Cast", &[&count], &[("to", Attr::Int(DataType::Float as i64))]);
                let ones = b.floats(ndarray::arr1(&[1.0, 1.0]).view());
                let scales = b.node("Concat", &[&ones, &factor, &factor], &[("axis", Attr::Int(0))]);
                let large = b.node("Resize", &["x", "", &scales], &[]);
                pooled(b, &large);
            }),
            "Resize",
        ),
        (
            "doubled again and again",
            nodes(|b| {
                let count = counted(b, 2.0);
                let last = (0..30).fold("x".to_owned(), |last, _| repeated(b, &last, &count));
                pooled(b, &last);
            }),
            "",
        ),
        (
            "places of places",
            nodes(|b| {
                let one = b.scalar(1.0);
                let some = b.node("Add", &["x", &one], &[]);
                let one = b.int(1);
                let places = b.node("NonZero", &[&some], &[]);
                let last = (0..30).fold(places, |last, _| {
                    let some = b.node("Add", &[&last, &one], &[]);
                    b.node("NonZero", &[&some], &[])
                });
                scores(b, &last);
            }),
            "",
        ),
        (
            "a loop that doubles",
            looped(60, |b| b.named_node("Concat", &["state", "state"], &["next"], &[("axis", Attr::Int(2))])),
            "",
        ),
        ("a loop without end", looped(i64::MAX, |b| b.named_node("Add", &["state", "state"], &["next"], &[])), "loops"),
        (
            "products of constants",
            nodes(|b| {
                let (one, shape) = (b.floats(ndarray::arr2(&[[1.0]]).view()), b.ints(&[3000, 3000]));
                let first = b.node("Expand", &[&one, &shape], &[]);
                let last = (0..30).fold(first, |last, _| b.node("MatMul", &[&last, &last], &[]));
                scores(b, &last);
            }),
            "MatMul",
        ),
        (
            "a range of constants",
            nodes(|b| {
                let (side, zero, one) = (b.int(30_000), b.int(0), b.int(1));
                let count = b.node("Mul", &[&side, &side], &[]);
                let range = b.node("Range", &[&zero, &count, &one], &[]);
                scores(b, &range);
            }),
            "",
        ),
    ];
    for (name, bytes, part) in cases {
        let file = format!("{name}.onnx");
        std::fs::write(folder.path().join(&file), bytes).unwrap();
        let said = refusal(folder.path(), &file);
        assert!(said.contains(part), "{name}: {said}");
    }
}

#[test]
fn hostile_files_are_refused_soon_and_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let huge = 1i64 << 40;
    let numbers = [1u8].repeat(68 << 20);
    let one = |op: &'static str, inputs: &'static [&'static str]| nodes(move |b| b.named_node(op, inputs, &["y"], &[]));
    let shaped = |shape: &[usize]| {
        let mut b = GraphBuilder::new("");
        b.input("x", DataType::Float, &shape.iter().map(|size| Dim::Fixed(*size)).collect::<Vec<_>>());
        b.named_node("GlobalAveragePool", &["x"], &["y"], &[]);
        b.output("y");
        b.into_model(17)
    };
    let raw = |bytes: usize| Some(vec![0; bytes].into());
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "opset"),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "not an ONNX model"),
        ("zeros", vec![0; 1 << 20], "not an ONNX model"),
        ("bad text", field(2, &[0xff, 0xfe]), "UTF-8"),
        ("a length beyond the end", vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f], "beyond the end"),
        (
            "a cycle",
            nodes(|b| {
                b.named_node("Add", &["x", "b"], &["a"], &[]);
                b.named_node("Relu", &["a"], &["b"], &[]);
                b.named_node("Relu", &["a"], &["y"], &[]);
            }),
            "a cycle",
        ),
        ("a missing input", one("Add", &["x", "nothing"]), "`nothing`"),
        ("an unknown operator", one("Frobnicate", &["x"]), "Frobnicate"),
        ("a missing output", nodes(|b| b.named_node("Relu", &["x"], &["a"], &[])), "`y`"),
        ("a long name", nodes(|b| b.named_node("Add", &["x", &"n".repeat(3_000_000)], &["y"], &[])), "before any node"),
        ("an absurd side", shaped(&[1, 3, 1 << 40, 8]), "no image input"),
        (
            "an absurd constant",
            constant(TensorProto { dims: vec![huge, huge], raw_data: raw(16), ..Default::default() }),
            "`w`",
        ),
        (
            "a negative constant",
            constant(TensorProto { dims: vec![-1, 4], raw_data: raw(16), ..Default::default() }),
            "`w`",
        ),
        ("an empty huge constant", constant(TensorProto { dims: vec![1 << 28], ..Default::default() }), "`w`"),
        (
            "a constant of many axes",
            constant(TensorProto { dims: vec![1; 1_000_000], raw_data: raw(4), ..Default::default() }),
            "`w`",
        ),
        ("a shape of millions", field(7, &field(5, &field(1, &numbers))), "fields"),
        ("packed numbers", field(7, &field(5, &field(7, &numbers))), "integers"),
        (
            "a shape of many axes",
            nodes(|b| {
                let shape = b.ints(&[1; 100_000]);
                b.named_node("Reshape", &["x", &shape], &["y"], &[]);
            }),
            "number of axes",
        ),
        (
            "a repeated factor",
            nodes(|b| {
                let repeats = b.ints(&[1, 1, huge, 1]);
                b.named_node("Tile", &["x", &repeats], &["y"], &[]);
            }),
            "Tile",
        ),
        (
            "an absurd padding",
            nodes(|b| {
                let pads = b.ints(&[0, 0, 0, 0, 0, 0, 0, huge]);
                b.named_node("Pad", &["x", &pads], &["y"], &[]);
            }),
            "Pad",
        ),
        (
            "a window of nothing",
            nodes(|b| {
                b.named_node("MaxPool", &["x"], &["y"], &[("kernel_shape", Attr::Ints(&[0, 0]))]);
            }),
            "MaxPool",
        ),
        (
            "sizes that multiply",
            nodes(|b| {
                let repeats = b.ints(&[1, 1, 512, 512]);
                let first = b.node("Tile", &["x", &repeats], &[]);
                let second = b.node("Tile", &[&first, &repeats], &[]);
                b.named_node("GlobalAveragePool", &[&second], &["y"], &[]);
            }),
            "",
        ),
        (
            "doubling",
            nodes(|b| {
                let doubled = (0..40)
                    .fold("x".to_owned(), |last, _| b.node("Concat", &[&last, &last], &[("axis", Attr::Int(2))]));
                b.named_node("GlobalAveragePool", &[&doubled], &["y"], &[]);
            }),
            "",
        ),
        (
            "a size made while it runs",
            nodes(|b| {
                let (million, shape) = (b.ints(&[1 << 20]), b.node("Shape", &["x"], &[]));
                let shape = b.node("Mul", &[&shape, &million], &[]);
                b.named_node("ConstantOfShape", &[&shape], &["y"], &[]);
            }),
            "",
        ),
        ("empty nodes", field(7, &[0x0a, 0].repeat(3_000_000)), "fields"),
        (
            "many nodes",
            nodes(|b| {
                let last = (0..50_000).fold("x".to_owned(), |last, _| b.node("Relu", &[&last], &[]));
                b.named_node("GlobalAveragePool", &[&last], &["y"], &[]);
            }),
            "nodes",
        ),
        ("graphs a thousand deep", nested(1000), "nested too deeply"),
        (
            "a sparse constant",
            model(GraphProto {
                sparse_initializer: vec![sparse(vec![huge])],
                ..graph(|b| b.named_node("Add", &["x", "w"], &["y"], &[]))
            }),
            "far too large",
        ),
        (
            "a sparse constant in a node",
            {
                let mut graph = graph(|b| b.named_node("Add", &["x", "w"], &["y"], &[]));
                let sparse_tensor = Some(sparse(vec![huge, huge]));
                let attribute = vec![AttributeProto {
                    name: "sparse_value".to_owned(),
                    sparse_tensor,
                    r#type: 11,
                    ..Default::default()
                }];
                let node = NodeProto {
                    op_type: "Constant".to_owned(),
                    output: vec!["w".to_owned()],
                    attribute,
                    ..Default::default()
                };
                graph.node.insert(0, node);
                model(graph)
            },
            "impossible or far too large",
        ),
        (
            "a sparse constant of places outside",
            model(GraphProto {
                sparse_initializer: vec![sparse(vec![4])],
                ..graph(|b| b.named_node("Add", &["x", "w"], &["y"], &[]))
            }),
            "",
        ),
        ("data above", elsewhere("../secret.bin", 12288), "outside"),
        ("data in the root", elsewhere("/etc/passwd", 12288), "outside"),
        ("data behind a link", elsewhere("link.bin", 12288), "outside"),
        ("data in a device", elsewhere("zero.bin", 12288), "outside"),
        ("data that are not there", elsewhere("none.bin", 12288), "none.bin"),
        ("data in a folder", elsewhere(".", 12288), "not a regular file"),
        ("data in a pipe", elsewhere("pipe.bin", 12288), "not a regular file"),
        ("data cut short", elsewhere("short.bin", 12288), "beyond the end"),
    ];
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(folder.path().join("secret.bin"), vec![0; 12288]).unwrap();
    std::fs::write(inside.join("short.bin"), vec![0; 100]).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret.bin"), inside.join("link.bin")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", inside.join("zero.bin")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(inside.join("pipe.bin")).status().unwrap().success());
    }
    for (name, bytes, part) in cases {
        let file = format!("{name}.onnx");
        std::fs::write(inside.join(&file), bytes).unwrap();
        if cfg!(unix) || !["data behind a link", "data in a device", "data in a pipe"].contains(&name) {
            let said = refusal(&inside, &file);
            assert!(said.contains(part), "{name}: {said}");
        }
    }
}

#[test]
fn damaged_files_end_in_a_picture_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let whole = colours::network();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    for round in 0..40 {
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..5) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        if round % 4 == 0 {
            bytes.truncate(random.random_range(0..bytes.len()));
        }
        std::fs::write(folder.path().join("damaged.onnx"), &bytes).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
        command.current_dir(folder.path()).args(["explain", "01-zebra.jpg", "--device", "cpu", "--out", "map.npy"]);
        let output = command.args(["--model", "damaged.onnx"]).timeout(LONGEST).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)) && !said.contains("panicked"), "{round}: {said}");
    }
}
