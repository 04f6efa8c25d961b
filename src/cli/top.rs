//! `lensor top`: the pictures of an index that excite a unit most.

use std::path::{Path, PathBuf};

use clap::Args;
use ndarray::{Array1, Array2, ArrayD};
use serde_json::{Value, json};

use super::sheet::{self, Findings};
use super::unit::UnitFlags;
use super::{Context, Failure, Outcome};
use crate::index::examples::{self, Example};
use crate::index::store::{IndexedLayer, Store};
use crate::index::{key, place};
use crate::interpretation::prototypes::By;
use crate::interpretation::prototypes::clusters::Clusters;
use crate::interpretation::prototypes::tally::UnitTally;
use crate::jobs::examples::{Show, sheet};
use crate::model::layers::{Kind, Layer};
use crate::paint::legend::number;

/// Side of a picture in a file, pixels.
const SIDE: u32 = 160;

/// Bars of the histogram in text and JSON.
const BARS: usize = 24;

/// Show the pictures that excite a unit most, from an index
#[derive(Debug, Args)]
#[command(after_help = "\
Make the index with `lensor index FOLDER`; one that is still being made can be looked into.

Without a channel all channels of the layer are listed, dead ones marked. The ending of --out decides: .png the pictures, \
what the unit saw framed (--show crop: that part alone); .npz scores, positions and crops; .npy the scores; .json what \
--json prints.")]
pub struct Top {
    /// The folder whose index is meant [default: the network's index that was written last]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,

    #[command(flatten)]
    unit: UnitFlags,

    /// Rank by the mean, the sum or the max of the unit's feature map
    #[arg(long, value_name = "WHICH", default_value_t = By::Max)]
    by: By,

    /// Pictures to show [default: all that the index keeps]
    #[arg(long, value_name = "N")]
    count: Option<usize>,

    /// Group the pictures by how the whole layer answers to them: does the unit look for one thing or for several?
    #[arg(long)]
    clusters: bool,

    /// Draw the whole picture, or the crop that the unit saw
    #[arg(long, value_name = "WHAT", default_value_t = Show::Picture)]
    show: Show,

    /// File of the index
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,

    /// File to write, may be given more than once
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Shows the top pictures of a unit, or the units of a layer.
pub fn run(args: &Top, context: &Context) -> Outcome {
    let outputs = sheet::outputs(&args.out)?;
    let store = open(args, context)?;
    let about = store.about();
    let layers: Vec<Layer> = about.layers.iter().enumerate().map(layer).collect();
    let (layer, unit) = args.unit.layer(&layers)?;
    let Some(unit) = unit else { return whole_layer(args, &store, layer, context) };
    let address = unit.address(&layers);
    let most = args.count.unwrap_or(usize::MAX);
    let found = examples::unit(&store, unit.layer, unit.channel, args.by, most)?;
    let groups = args.clusters.then(|| grouped(args, &store, layer, &found.examples, context)).transpose()?;
    let of = groups.as_ref().map(|(_, of)| of.as_slice());
    let extent = store.extent()?;
    let mut report = json!({
        "index": store.path().display().to_string(),
        "network": about.network,
        "folder": about.folder.display().to_string(),
        "indexed": extent,
        "unit": address,
        "by": args.by,
        "figures": figures(&found.tally, args.by),
        "examples": found.examples,
    });
    if let Some((clusters, of)) = &groups {
        report["clusters"] = json!({ "count": clusters.count, "silhouette": clusters.silhouette, "of": of });
    }
    let findings = Findings {
        picture: sheet(&found.examples, of, args.show, SIDE),
        title: format!("top pictures of {address} by {}", args.by),
        arrays: arrays(&found.examples),
        report,
        text: text(&address, args.by, &found, groups.as_ref(), &about.folder, extent.pictures),
    };
    findings.deliver(&outputs, &address, args.json, context)
}

/// The index that is meant.
fn open(args: &Top, context: &Context) -> Result<Store, Failure> {
    if let Some(path) = &args.index {
        return Ok(Store::open(path)?);
    }
    let model = key::of_model(&context.global.recipe().source.open()?.model)?;
    let folder = match &args.folder {
        Some(folder) => Some(
            folder.canonicalize().map_err(|_| Failure::Usage(format!("there is no folder {}", folder.display())))?,
        ),
        None => None,
    };
    for path in place::existing(&model)? {
        let store = Store::open(&path)?;
        if folder.as_ref().is_none_or(|folder| *folder == store.about().folder) {
            return Ok(store);
        }
    }
    let of = args.folder.as_deref().unwrap_or(Path::new("FOLDER")).display();
    Err(Failure::Usage(format!("there is no index of it for this network: make one with `lensor index {of}`")))
}

/// As the network knows it, as far as the index says.
fn layer((index, of): (usize, &IndexedLayer)) -> Layer {
    Layer {
        index,
        name: of.name.clone(),
        kind: Kind::Conv,
        op: String::new(),
        tensor: String::new(),
        made: String::new(),
        pre_activation: None,
        parameters: 0,
        channels: of.channels,
        height: of.height,
        width: of.width,
    }
}

type Groups = (Clusters, Vec<Option<usize>>);

fn grouped(
    args: &Top,
    store: &Store,
    layer: usize,
    examples: &[Example],
    context: &Context,
) -> Result<Groups, Failure> {
    let mut network = context.network()?;
    let about = store.about();
    let model = key::of_model(&context.global.recipe().source.open()?.model)?;
    if model != about.model || key::of_preparation(network.preprocess()) != about.preparation {
        let name = &about.network;
        return Err(Failure::Usage(format!(
            "--clusters runs the network of the index, {name} with the settings it was made with: name it with --model"
        )));
    }
    Ok(examples::clusters(&mut network, layer, args.by, examples, &context.cancel)?)
}

/// The counts of a unit.
fn figures(tally: &UnitTally, by: By) -> Value {
    let column = tally.column(by);
    let share = |count: u64| (tally.pictures > 0).then(|| count as f64 / tally.pictures as f64);
    let bins: Vec<Value> = column.histogram.bins().iter().map(|(low, high, count)| json!([low, high, count])).collect();
    json!({
        "pictures": tally.pictures,
        "silent": tally.silent,
        "silent_share": share(tally.silent),
        "dead": tally.is_dead(),
        "average": tally.average(by),
        "low": column.low.is_finite().then_some(column.low),
        "high": column.high.is_finite().then_some(column.high),
        "histogram": bins,
    })
}

/// Scores first; then `[n, 2]` rows and columns, `[n, 4]` crops as left, top, width, height.
fn arrays(examples: &[Example]) -> Vec<(&'static str, ArrayD<f32>)> {
    let scores = examples.iter().map(|example| example.score).collect::<Array1<f32>>();
    let positions = examples.iter().flat_map(|example| [example.position.0 as f32, example.position.1 as f32]);
    let positions = Array2::from_shape_vec((examples.len(), 2), positions.collect()).unwrap_or_default();
    let crops = examples.iter().flat_map(|Example { crop, .. }| [crop.x, crop.y, crop.width, crop.height]);
    let crops = Array2::from_shape_vec((examples.len(), 4), crops.collect()).unwrap_or_default();
    vec![("scores", scores.into_dyn()), ("positions", positions.into_dyn()), ("crops", crops.into_dyn())]
}

fn text(
    address: &str,
    by: By,
    found: &examples::Unit,
    groups: Option<&Groups>,
    folder: &Path,
    pictures: u64,
) -> String {
    let tally = &found.tally;
    let column = tally.column(by);
    let mut text = format!("{address} of {pictures} pictures by {by}\n");
    if tally.is_dead() {
        text += "dead: all its feature maps are zero\n";
    } else if tally.pictures > 0 {
        let silent = 100.0 * tally.silent as f64 / tally.pictures as f64;
        text +=
            &format!("{} {} {}, silent for {silent:.1} %\n", number(column.low), bars(tally, by), number(column.high));
    }
    if let Some((Clusters { count, silhouette, .. }, _)) = groups {
        let several = if *count == 1 { "one kind of picture" } else { "several kinds of pictures" };
        text +=
            &format!("{several}: {count} group{}, silhouette {silhouette:.2}\n", if *count == 1 { "" } else { "s" });
    }
    for (rank, example) in found.examples.iter().enumerate() {
        let group = match groups.map(|(_, of)| of.get(rank).copied().flatten()) {
            None => String::new(),
            Some(None) => "  -".to_owned(),
            Some(Some(group)) => format!("  {}", letter(group)),
        };
        let (row, at) = example.position;
        let file = example.file.strip_prefix(folder).unwrap_or(&example.file).display();
        let position = format!("({row}, {at})");
        text += &format!("{:>4}{group}  {:>10}  {position:>10}  {file}\n", rank + 1, number(example.score));
    }
    text
}

/// Name of a group.
fn letter(group: usize) -> char {
    char::from(b'A' + (group % 26) as u8)
}

/// The histogram in one line.
fn bars(tally: &UnitTally, by: By) -> String {
    let column = tally.column(by);
    let counts = column.histogram.spread(BARS, column.low, column.high);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    // Rare high scores are what matters: they are to be seen beside the many low ones.
    let height = |count: u32| (f64::from(count).ln_1p() / f64::from(most).ln_1p() * 8.0).ceil() as usize;
    counts.into_iter().map(|count| [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][height(count).min(8)]).collect()
}

/// All channels of a layer, a line each.
fn whole_layer(args: &Top, store: &Store, layer: usize, context: &Context) -> Outcome {
    let of = &store.about().layers[layer];
    let (mut lines, mut units, mut dead) = (String::new(), Vec::new(), 0);
    let mut best = Vec::with_capacity(of.channels);
    for channel in 0..of.channels {
        let unit = examples::unit(store, layer, channel, args.by, 1)?;
        let first = unit.examples.first();
        best.extend(first.cloned());
        dead += usize::from(unit.tally.is_dead());
        let silent = 100.0 * unit.tally.silent as f64 / unit.tally.pictures.max(1) as f64;
        let said = match first {
            Some(_) if unit.tally.is_dead() => "dead".to_owned(),
            Some(example) => {
                let file = example.file.strip_prefix(&store.about().folder).unwrap_or(&example.file);
                format!("{:>10}  {}", number(example.score), file.display())
            }
            None => String::new(),
        };
        lines += &format!("{channel:>5}  {} {silent:>5.1} %  {said}\n", bars(&unit.tally, args.by));
        let mut figures = figures(&unit.tally, args.by);
        figures["channel"] = json!(channel);
        figures["best"] = json!(first);
        units.push(figures);
    }
    let extent = store.extent()?;
    let heading = format!(
        "{}: {} channels, {dead} dead, of {} pictures by {}\nchannel, scores, share of pictures it is silent for, best picture\n",
        of.name, of.channels, extent.pictures, args.by
    );
    let findings = Findings {
        picture: sheet(&best, None, args.show, SIDE / 2),
        title: format!("the top picture of each channel of {} by {}", of.name, args.by),
        arrays: arrays(&best),
        report: json!({
            "index": store.path().display().to_string(),
            "network": store.about().network,
            "folder": store.about().folder.display().to_string(),
            "indexed": extent,
            "layer": of.name,
            "by": args.by,
            "dead": dead,
            "channels": units,
        }),
        text: heading + &lines,
    };
    findings.deliver(&sheet::outputs(&args.out)?, &of.name, args.json, context)
}
