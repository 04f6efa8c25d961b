//! What people should know about how a network is run and what is assumed about it.

use crate::model::card::InputCard;
use crate::model::channels::Channels;
use crate::model::input::ImageInput;
use crate::model::output::Activation;
use crate::model::settings::{Origin, Settings};
use crate::onnx::Model;

/// One sentence each. `wide` says that 16-bit floats were made 32-bit ones, and `part` how many pictures a run takes.
pub(super) fn of(
    input: &ImageInput,
    settings: &Settings,
    model: &Model,
    wide: bool,
    part: Option<usize>,
) -> Vec<String> {
    let origins = &settings.origins;
    let guessed = |origin: &Origin| *origin == Origin::Default;
    let mut notes = Vec::new();
    let mut note = |applies: bool, text: &str| {
        if applies {
            notes.push(text.to_owned());
        }
    };
    note(wide, "its floats are run in 32 bits");
    note(input.is_whole(), "it takes whole numbers: gradients are with respect to the floats that it casts them to");
    note(is_quantised(model), "it is quantised: its gradients are straight-through gradients");
    if let Some(batch) = part {
        note(true, &format!("it insists on batches of {batch}: pictures are run so many at a time"));
    }
    note(guessed(&origins.size), "it takes any size: set --size HEIGHTxWIDTH if it was trained on another");
    let &InputCard { channels, height, width, .. } = &settings.card.input;
    let arrays = matches!(channels, Channels::Other(_));
    note(arrays, &format!("it takes arrays [{channels}, {height}, {width}] in .npy, which are fed as they are"));
    note(
        !arrays && guessed(&origins.scale) && guessed(&origins.mean) && guessed(&origins.std),
        "nothing says how pixels are prepared, 0..1 is assumed: set --scale, --mean and --std, or write a card",
    );
    note(
        !arrays && guessed(&origins.resize) && origins.mean == Origin::ImageNet,
        "nothing says how pictures of another shape are fitted, they are squashed: --resize shortest-edge --resize-to 256 \
         cuts out the middle, as is usual for ImageNet",
    );
    note(
        guessed(&origins.labels) && settings.activation != Activation::None,
        "its classes have no names: give a file with --labels",
    );
    let (given, classes) = (settings.labels.given(), settings.labels.len());
    note(
        !guessed(&origins.labels) && given != classes,
        &format!("{given} names are given for its {classes} classes: are they its own?"),
    );
    note(
        guessed(&origins.activation) && settings.activation == Activation::None,
        "it ends in one number and no sigmoid, so no class is assumed: set --activation sigmoid if it says yes or no",
    );
    notes
}

/// Whether quantised values lie between the input and the scores.
fn is_quantised(model: &Model) -> bool {
    model.graph().nodes.iter().any(|node| node.op_type == "QuantizeLinear" && node.domain.is_empty())
}
