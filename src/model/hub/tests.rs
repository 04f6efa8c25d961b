//! Files as they are published, shortened.

use super::*;

fn processor(json: &str) -> Said {
    serde_json::from_str::<Processor>(json).unwrap().said()
}

fn config(json: &str) -> Said {
    serde_json::from_str::<Config>(json).unwrap().said()
}

fn fit(json: &str) -> (Option<[usize; 2]>, Option<Resize>, Option<usize>) {
    let said = processor(json);
    (said.size, said.resize, said.resize_to)
}

#[test]
fn sizes_are_understood_in_every_way_they_were_written() {
    use Resize::{ShortestEdge, Squash};
    let both = |side| Some([side; 2]);
    for (json, expected) in [
        // ViT, old and new.
        (r#"{"size": 224, "do_resize": true}"#, (both(224), Some(Squash), None)),
        (r#"{"size": {"height": 224, "width": 224}}"#, (both(224), Some(Squash), None)),
        // MobileNet.
        (
            r#"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": true}"#,
            (both(224), Some(ShortestEdge), Some(256)),
        ),
        (r#"{"size": 256, "crop_size": 224, "do_center_crop": true}"#, (both(224), Some(ShortestEdge), Some(256))),
        // ResNet and ConvNeXt: cut out of size / crop_pct, from 384 on nothing is cut out.
        (r#"{"size": {"shortest_edge": 224}, "crop_pct": 0.875}"#, (both(224), Some(ShortestEdge), Some(256))),
        (r#"{"size": 384, "crop_pct": 1.0}"#, (both(384), Some(Squash), None)),
        // EfficientNet: both sides, then the centre.
        (
            r#"{"size": {"height": 346, "width": 346}, "crop_size": {"height": 289, "width": 289}, "do_center_crop": true}"#,
            (both(289), Some(Squash), Some(346)),
        ),
        (r#"{"size": 224, "do_resize": false}"#, (None, None, None)),
        (r#"{"size": {"longest_edge": 800}, "crop_size": null}"#, (None, None, None)),
        ("{}", (None, None, None)),
    ] {
        assert_eq!(fit(json), expected, "{json}");
    }
}

#[test]
fn what_is_not_done_is_said_as_such() {
    let plain =
        processor(r#"{"do_rescale": false, "do_normalize": false, "image_mean": [0.5], "rescale_factor": 0.1}"#);
    assert_eq!((plain.scale, plain.mean, plain.std), (Some(1.0), Some(vec![0.0]), Some(vec![1.0])));
    assert_eq!(processor(r#"{"do_flip_channel_order": true}"#).channels, Some(Channels::Bgr));
    let filters: Vec<_> =
        (0..7).map(|number| processor(&format!(r#"{{"resample": {number}}}"#)).interpolation).collect();
    use Interpolation::{Bicubic, Bilinear, Hamming, Lanczos, Nearest};
    assert_eq!(filters, [Some(Nearest), Some(Lanczos), Some(Bilinear), Some(Bicubic), None, Some(Hamming), None]);
}

#[test]
fn timms_pretrained_cfg_is_understood() {
    let said = config(
        r#"{"architecture": "resnet18", "num_classes": 2, "label_names": ["n01", "n02"],
            "label_descriptions": {"n01": "tench", "n02": "goldfish"},
            "pretrained_cfg": {"input_size": [3, 288, 288], "crop_pct": 0.95, "crop_mode": "center",
                               "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}"#,
    );
    assert_eq!((said.size, said.resize, said.resize_to), (Some([288; 2]), Some(Resize::ShortestEdge), Some(303)));
    assert_eq!((said.channels, said.interpolation), (Some(Channels::Rgb), Some(Interpolation::Bicubic)));
    assert_eq!(said.labels, Some(vec!["tench".to_owned(), "goldfish".to_owned()]));
    assert_eq!(said.mean, Some(vec![0.485, 0.456, 0.406]));
}

#[test]
fn the_kind_of_problem_is_understood() {
    let kind = |name: &str| config(&format!(r#"{{"problem_type": "{name}"}}"#)).activation;
    assert_eq!(kind("multi_label_classification"), Some(Activation::Sigmoid));
    assert_eq!((kind("regression"), kind("anything")), (Some(Activation::None), None));
}
