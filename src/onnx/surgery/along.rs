//! A straight path of pictures inside the graph: where they differ only by their place on it, only the places need to
//! cross the border to the runtime.

use super::super::build::GraphBuilder;
use super::super::graph::Dim;
use super::super::proto::DataType;
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError, prepend};
use super::field;

/// A model that makes its own pictures.
pub struct Along {
    /// The model: what was its picture input is an inner tensor now.
    pub model: Model,
    /// Input `[1, C, H, W]`: where the path begins.
    pub start: String,
    /// Input `[1, C, H, W]`: from the beginning to the end.
    pub change: String,
    /// Input `[batch, 1, 1, 1]`: how far along each picture is, from 0 to 1.
    pub places: String,
}

/// The model with its picture input `[batch, C, H, W]` made as start + places · change.
pub fn along(model: &Model, input: &str) -> Result<Along, OnnxError> {
    let graph = model.graph();
    let Some(info) = graph.inputs.iter().find(|info| info.name == input) else {
        return Err(OnnxError::BrokenGraph { reason: format!("the graph has no input `{input}`") });
    };
    let mut builder = GraphBuilder::beside(graph, "lensor/");
    let [start, change, places] = ["start", "change", "places"].map(|name| builder.fresh(name));
    let mut one = info.shape.clone();
    let mut batch: Vec<Dim> = vec![Dim::Fixed(1); one.len()];
    if let (Some(one), Some(batch)) = (one.first_mut(), batch.first_mut()) {
        *batch = std::mem::replace(one, Dim::Fixed(1));
    }
    builder.input(&start, DataType::Float, &one);
    builder.input(&change, DataType::Float, &one);
    builder.input(&places, DataType::Float, &batch);
    let moved = builder.node("Mul", &[&places, &change], &[]);
    builder.named_node("Add", &[&start, &moved], &[input], &[]);
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        let is_input =
            part.number == field::GRAPH_INPUT && wire::content_of(part.content, field::NAME)? == Some(input.as_bytes());
        Ok(if is_input { Edit::Drop } else { Edit::Keep })
    })?;
    let model = Model::from_bytes(prepend(&bytes, builder.finish()), model.beside().clone())?;
    Ok(Along { model, start, change, places })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_made_from_their_places() {
        let mut builder = GraphBuilder::new("n");
        let shape = [Dim::Symbol("N".into()), Dim::Fixed(2), Dim::Fixed(3), Dim::Fixed(3)];
        builder.input("x", DataType::Float, &shape);
        builder.named_node("Relu", &["x"], &["y"], &[]);
        builder.output("y");
        let model = Model::from_bytes(builder.into_model(16), None).unwrap();
        let along = along(&model, "x").unwrap();
        let graph = along.model.graph();
        let shapes: Vec<_> = graph.inputs.iter().map(|input| (input.name.as_str(), input.shape[0].clone())).collect();
        let symbol = Dim::Symbol("N".into());
        assert_eq!(shapes, [(&*along.start, Dim::Fixed(1)), (&*along.change, Dim::Fixed(1)), (&*along.places, symbol)]);
        assert_eq!(graph.nodes.iter().map(|node| node.op_type.as_str()).collect::<Vec<_>>(), ["Mul", "Add", "Relu"]);
        assert_eq!(graph.nodes[1].output(), "x");
        assert!(super::along(&model, "z").err().unwrap().to_string().contains("`z`"));
    }
}
