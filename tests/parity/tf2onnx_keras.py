"""Holds lensor's gradients and Grad-CAM to TensorFlow's in float64, on Keras networks exported by tf2onnx.

    cargo build --release
    python tests/parity/tf2onnx_keras.py                 # every network that does not agree yet
    python tests/parity/tf2onnx_keras.py --table         # what is known, as a table

As pytorch.py, which says how; pictures have their channels last and scores end in a softmax, as Keras has them. Needs
tensorflow (tensorflow-cpu does), tf2onnx, onnx, onnxruntime, numpy.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

import common
from common import Reference

# Name → side of the picture.
NETWORKS = {
    "MobileNet": 64, "MobileNetV2": 64, "MobileNetV3Small": 64, "EfficientNetB0": 64, "EfficientNetV2B0": 64,
    "ResNet50": 64, "ResNet50V2": 64, "DenseNet121": 64, "NASNetMobile": 64, "InceptionV3": 96, "Xception": 96,
    "ConvNeXtTiny": 64, "VGG16": 64, "InceptionResNetV2": 96,
}
# Name → (opset, the picture fixed to a batch of one).
WAYS = {"opset 13": (13, False), "opset 18, batch of one": (18, True)}


def make(name, dtype, smooth=False):
    """A network that ends in a softmax, without weights worth anything yet."""
    keras.config.set_dtype_policy(dtype)
    keras.utils.set_random_seed(0)
    more = {"include_preprocessing": False} if name in ("MobileNetV3Small",) else {}
    network = getattr(keras.applications, name)(weights=None, input_shape=(NETWORKS[name], NETWORKS[name], 3), **more)
    if not smooth:
        return network

    def swap(layer):
        config = layer.get_config()
        if isinstance(layer, (keras.layers.ReLU,)) or config.get("activation") in ("relu", "relu6"):
            if isinstance(layer, keras.layers.ReLU):
                return keras.layers.Activation("softplus", name=layer.name)
            config["activation"] = "softplus"
        if isinstance(layer, keras.layers.MaxPooling2D):
            config.pop("data_format", None)
            return keras.layers.AveragePooling2D(**config)
        return layer.__class__.from_config(config)

    return keras.models.clone_model(network, clone_function=swap)


def shake(network, side):
    """Random statistics of BatchNorm around those of random pictures, and scales and biases that matter; see networks.py."""
    random = np.random.default_rng(1)

    def settle(norm, inputs, *_, **__):
        across = tuple(range(len(inputs.shape) - 1))
        mean, deviation = np.asarray(inputs).mean(across), np.asarray(inputs).std(across)
        deviation = np.maximum(deviation, 0.2 * deviation.mean() + 1e-3)
        norm.moving_mean.assign(mean + 0.1 * deviation * random.standard_normal(mean.shape))
        norm.moving_variance.assign(deviation**2 * random.uniform(0.5, 1.5, mean.shape))
        return call(norm, inputs, training=False)

    call = keras.layers.BatchNormalization.call
    keras.layers.BatchNormalization.call = settle
    try:
        network(random.standard_normal((8, side, side, 3)).astype("float32"), training=False)
    finally:
        keras.layers.BatchNormalization.call = call
    return network


def differentiate(name, dtype, weights, picture, maps, smooth, target=None):
    """Logits, the class, its gradient at the picture, and Grad-CAM at those feature maps `[1, C, h, w]` that are found."""
    network = make(name, dtype, smooth)
    network.set_weights(weights)
    network.layers[-1].activation = keras.activations.linear
    maps = {layer: value.transpose(0, 2, 3, 1) for layer, value in maps.items()}
    shapes = {value.shape[1:] for value in maps.values()}
    outputs = [layer.output for layer in network.layers
               if not isinstance(layer.output, (list, tuple)) and tuple(layer.output.shape[1:]) in shapes]
    watched = keras.Model(network.inputs, [*outputs, network.layers[-1](network.layers[-1].input)])
    x = tf.constant(picture, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        *values, logits = watched([x], training=False)
        target = int(tf.argmax(logits[0])) if target is None else target
        score = logits[0, target]
    gradient, *gradients = tape.gradient(score, [x, *values])
    cams = {}
    for layer, wanted in maps.items():
        for value, slope in zip(values, gradients):
            if slope is not None and value.shape == wanted.shape and common.distance(wanted, value) < 1e-4:
                means = slope.numpy().mean((1, 2), keepdims=True)
                cams[layer] = np.maximum((means * value.numpy()).sum(3), 0)[0]
                break
    return logits.numpy()[0], target, gradient.numpy()[0].transpose(2, 0, 1), cams


def reference(name, weights, picture, maps, smooth):
    """Differentiates the largest logit, in float64 and once more in float32."""
    logits, target, gradient, cams = differentiate(name, "float64", weights, picture, maps, smooth)
    _, _, rounded, rounded_cams = differentiate(name, "float32", weights, picture, maps, smooth, target)
    return Reference(logits, target, gradient, rounded, cams, rounded_cams)


def one(binary, name):
    """A function that compares the network in one kind of export."""
    side = NETWORKS[name]
    pictures = [np.random.default_rng(seed).standard_normal((1, side, side, 3)).astype("float32") for seed in range(2, 7)]

    def compare(way, smooth=False):
        opset, fixed = WAYS[way]
        network = shake(make(name, "float32", smooth), side)
        weights = network.get_weights()
        signature = [tf.TensorSpec([1 if fixed else None, side, side, 3], tf.float32, name="image")]

        def export(path):
            function = tf.function(lambda image: network(image, training=False), input_signature=signature)
            model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=opset)
            onnx.save(model, str(path))

        answer = lambda picture, maps: reference(name, weights, picture, maps, smooth)
        return common.compare(binary, export, pictures[:1] if smooth else pictures, answer, check=not smooth)

    def run(way):
        result = compare(way)
        if common.needs_proof(result):
            result["smooth"] = common.numbers(compare(way, smooth=True))
        return result

    return run


if __name__ == "__main__":
    common.main(__doc__, list(NETWORKS), [], WAYS, one)
