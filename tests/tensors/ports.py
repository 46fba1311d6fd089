"""One network written as several frameworks write it: planted weights, no training."""

import numpy as np


def network(rng, channels=16, width=48):
    """A convolutional network with batch norms, a flattened dense layer, a square one and a head, as in PyTorch."""
    shapes: dict[str, tuple[int, ...]] = {"conv1": (channels, 3, 3, 3), "conv2": (channels, channels, 3, 3)}
    made = {}
    for name, shape in shapes.items():
        made[f"{name}.weight"] = rng.uniform(-1, 1, shape)
        made[f"bn{name[-1]}.weight"] = rng.uniform(0.5, 1.5, shape[0])
        made[f"bn{name[-1]}.bias"] = rng.normal(size=shape[0])
        made[f"bn{name[-1]}.running_mean"] = rng.normal(size=shape[0])
        made[f"bn{name[-1]}.running_var"] = rng.uniform(0.5, 2.0, shape[0])
    for name, shape in {"fc1": (width, channels * 4), "fc2": (width, width), "head": (10, width)}.items():
        made[f"{name}.weight"] = rng.uniform(-1, 1, shape)
        made[f"{name}.bias"] = rng.normal(size=shape[0])
    return {name: w.astype(np.float32) for name, w in made.items()}


def tuned(rng, model, step=0.1):
    """Every value moved a little."""
    return {name: (w + rng.normal(0, step, w.shape)).astype(np.float32) for name, w in model.items()}


def turned(weight):
    """A kernel with the inputs first, as Keras and Flax store it."""
    return np.ascontiguousarray(weight.transpose((2, 3, 1, 0) if weight.ndim == 4 else (1, 0)))


LEAVES = {"running_mean": "moving_mean", "running_var": "moving_variance"}


def as_keras(model):
    """Keras names, kernels inputs first, the flattened layer in the order of channels last."""
    out = {}
    for name, w in model.items():
        layer, leaf = name.split(".")
        if layer.startswith("bn"):
            leaf = {"weight": "gamma", "bias": "beta", **LEAVES}[leaf]
            out[f"batch_normalization_{layer[2:]}/{leaf}:0"] = w
        elif leaf == "bias":
            out[f"{layer}_x/bias:0"] = w
        elif layer == "fc1":
            channels = model["conv2.weight"].shape[0]
            places = w.shape[1] // channels
            out[f"{layer}_x/kernel:0"] = np.ascontiguousarray(
                w.reshape(-1, channels, places).transpose(2, 1, 0).reshape(-1, len(w))
            )
        else:
            out[f"{layer}_x/kernel:0"] = turned(w)
    return out


def as_flax(model):
    """Flax names, sorted, kernels inputs first."""
    leaves = {"weight": "kernel", "bias": "bias"}
    norms = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
    out = {}
    for name, w in model.items():
        layer, leaf = name.split(".")
        if layer.startswith("bn"):
            kind = "batch_stats" if leaf.startswith("running") else "params"
            out[f"{kind}/{layer}/{norms[leaf]}"] = w
        else:
            out[f"params/{layer}/{leaves[leaf]}"] = turned(w) if leaf == "weight" else w
    return dict(sorted(out.items()))


def folded(model, epsilon=1e-5):
    """Batch norms folded into the convolutions."""
    out = {}
    for name, w in model.items():
        layer = name.split(".")[0]
        if layer.startswith("conv"):
            norm = f"bn{layer[-1]}"
            scale = model[f"{norm}.weight"] * (1 / np.sqrt(model[f"{norm}.running_var"] + np.float32(epsilon)))
            out[name] = w * scale[:, None, None, None]
            out[f"{layer}.bias"] = model[f"{norm}.bias"] - model[f"{norm}.running_mean"] * scale
        elif not layer.startswith("bn"):
            out[name] = w
    return out


def attention(rng, width=64, depth=2):
    """Blocks of attention with separate projections."""
    out = {"embed.weight": rng.normal(size=(200, width))}
    for block in range(depth):
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            out[f"layers.{block}.attn.{part}.weight"] = rng.uniform(-1, 1, (width, width))
            out[f"layers.{block}.attn.{part}.bias"] = rng.normal(size=width)
        out[f"layers.{block}.mlp.up_proj.weight"] = rng.uniform(-1, 1, (2 * width, width))
        out[f"layers.{block}.mlp.gate_proj.weight"] = rng.uniform(-1, 1, (2 * width, width))
        out[f"layers.{block}.mlp.down_proj.weight"] = rng.uniform(-1, 1, (width, 2 * width))
    return {name: w.astype(np.float32) for name, w in out.items()}


def fused(model, turn=False, rows=0, name="c_attn"):
    """Query, key and value, gate and up in one matrix each; turned, or head by head with so many rows each."""
    out = {}
    for key, w in model.items():
        if "q_proj" in key:
            parts = [model[key.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            joined = np.concatenate(parts)
            if rows:
                heads = [part.reshape(-1, rows, *part.shape[1:]) for part in parts]
                joined = np.stack(heads, axis=1).reshape(joined.shape)
            out[key.replace("q_proj", name)] = np.ascontiguousarray(joined.T) if turn and w.ndim == 2 else joined
        elif "gate_proj" in key:
            joined = np.concatenate([w, model[key.replace("gate_proj", "up_proj")]])
            out[key.replace("gate_proj", "gate_up_proj")] = np.ascontiguousarray(joined.T) if turn else joined
        elif not any(part in key for part in ("k_proj", "v_proj", "up_proj")):
            out[key] = np.ascontiguousarray(w.T) if turn and w.ndim == 2 and "embed" not in key else w
    return out
