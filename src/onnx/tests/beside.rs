//! Constants that are kept beside a model's bytes.

use ndarray::Array4;

use super::super::build::{Attr, GraphBuilder};
use super::super::surgery;
use super::super::{DataType, Dim, Model};

/// `y = conv(x)` with a kernel of 3456 bytes and a bias of 128.
fn model() -> Vec<u8> {
    let mut b = GraphBuilder::new("t");
    let [batch, channels, height, width] = [Dim::Symbol("n".into()), Dim::Fixed(3), Dim::Fixed(8), Dim::Fixed(8)];
    b.input("x", DataType::Float, &[batch, channels, height, width]);
    b.named_floats(
        "kernel",
        Array4::from_shape_fn((32, 3, 3, 3), |(o, c, h, w)| (o * 27 + c * 9 + h * 3 + w) as f32).view(),
    );
    b.named_floats("bias", ndarray::Array1::from_elem(32, 0.5).view());
    b.named_node("Conv", &["x", "kernel", "bias"], &["y"], &[("pads", Attr::Ints(&[1; 4]))]);
    b.output("y");
    b.into_model(17)
}

#[test]
fn large_constants_of_a_file_are_kept_apart_and_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    std::fs::write(&path, model()).unwrap();
    let (whole, apart) = (Model::from_bytes(model(), None).unwrap(), Model::open(&path).unwrap());
    assert!(apart.bytes().len() + 3000 < whole.bytes().len(), "{} bytes", apart.bytes().len());
    assert_eq!((apart.beside().kept().len(), apart.is_whole()), (1, true));
    for name in ["kernel", "bias"] {
        assert_eq!(apart.graph().weights(name).unwrap(), whole.graph().weights(name).unwrap());
    }
    let cut = surgery::cut(&apart, &["y"]).unwrap();
    assert_eq!(cut.graph().weights("kernel").unwrap(), whole.graph().weights("kernel").unwrap());
    // The file may change meanwhile: what was read stays.
    std::fs::write(&path, b"").unwrap();
    assert_eq!(apart.graph().weights("kernel").unwrap(), whole.graph().weights("kernel").unwrap());
}

#[test]
fn a_constant_that_does_not_fill_its_shape_is_named_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let mut b = GraphBuilder::new("t");
    b.named_constant("kernel", &[32, 3, 3, 3], DataType::Float, vec![0; 3452]);
    b.named_node("Identity", &["kernel"], &["y"], &[]);
    b.output("y");
    std::fs::write(&path, b.into_model(17)).unwrap();
    let error = Model::open(&path).err().unwrap().to_string();
    assert!(error.contains("kernel") && error.contains("3452 bytes of data"), "{error}");
}

#[test]
fn a_file_cannot_ask_for_what_is_kept_in_memory() {
    // The location of a kept constant, in the file itself: taken for the name of a file, which is not there.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    std::fs::write(&path, model()).unwrap();
    let apart = Model::open(&path).unwrap();
    std::fs::write(&path, apart.bytes()).unwrap();
    let error = Model::open(&path).err().unwrap().to_string();
    assert!(error.contains("lensor-memory-0"), "{error}");
}

#[test]
fn kernels_are_those_that_convolutions_alone_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let mut b = GraphBuilder::new("t");
    b.input("x", DataType::Float, &[1, 16, 8, 8].map(Dim::Fixed));
    let mut x = "x".to_owned();
    for name in ["alone", "scaled", "normalised", "squared", "shown"] {
        let kernel = format!("kernel {name}");
        b.named_floats(&kernel, Array4::from_elem((16, 16, 1, 1), 0.1).view());
        x = b.node("Conv", &[&x, &kernel], &[]);
        x = match name {
            "scaled" => {
                let factor = b.scalar(2.0);
                b.node("Mul", &[&factor, &x], &[])
            }
            "normalised" => {
                let ones = b.floats(ndarray::Array1::ones(16).view());
                b.node("BatchNormalization", &[&x, &ones, &ones, &ones, &ones], &[])
            }
            "squared" => {
                let squared = b.node("Mul", &[&kernel, &kernel], &[]);
                b.node("Conv", &[&x, &squared], &[])
            }
            _ => x,
        };
    }
    b.named_floats("unused", Array4::from_elem((16, 16, 1, 1), 0.1).view());
    b.output(&x);
    b.output("kernel shown");
    std::fs::write(&path, b.into_model(17)).unwrap();
    let model = Model::open(&path).unwrap();
    assert_eq!(model.beside().kept().len(), 6);
    let stored = model.beside().stored(model.bytes()).unwrap();
    let stored: Vec<_> =
        stored.iter().map(|stored| (stored.name.as_str(), &stored.shape[..], stored.is_kernel)).collect();
    let shape = &[16, 16, 1, 1][..];
    let expected = ["alone", "scaled", "normalised", "squared", "shown"].map(|name| format!("kernel {name}"));
    let expected: Vec<_> = expected.iter().map(|name| (name.as_str(), shape, name == "kernel alone")).collect();
    assert_eq!(stored, expected);
    let given = surgery::given(model.bytes(), [("kernel alone", shape)].into_iter()).unwrap();
    let given = Model::from_bytes(given, model.beside().clone()).unwrap();
    assert!(given.graph().initializer("kernel alone").is_none() && given.graph().initializer("kernel shown").is_some());
    assert_eq!(given.graph().inputs[1].shape, shape.iter().map(|size| Dim::Fixed(*size)).collect::<Vec<_>>());
}
