//! Reverse-mode differentiation from ONNX to ONNX, in inference operators only.
//!
//! Owns the rules, one file per operator family. Must not know about runtimes or pictures: the shapes it needs come in
//! as [`Observed`] tensors.
