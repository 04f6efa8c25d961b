//! ONNX files: read, look, add to, write, without losing a byte of what is not understood.
//!
//! Owns the protobuf. Must not know about runtimes, pictures or gradients.
