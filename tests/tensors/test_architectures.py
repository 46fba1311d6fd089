"""Roles as data: each architecture of the table on the names that its models have."""

import pytest

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.architectures import Use, rules_of, table
from neural_phylogeny.tensors.layouts import Layout
from neural_phylogeny.tensors.roles import Role

K, B, V, X = Role.KERNEL, Role.BOUNDARY, Role.VECTOR, Role.BUFFER

MATRIX, VECTOR = (24, 16), (16,)

MODELS = {
    "bert": {
        "bert.embeddings.word_embeddings.weight": B,
        "bert.embeddings.token_type_embeddings.weight": B,
        "bert.embeddings.LayerNorm.weight": V,
        "bert.encoder.layer.0.attention.self.query.weight": K,
        "bert.encoder.layer.0.attention.output.dense.weight": K,
        "bert.encoder.layer.0.intermediate.dense.weight": K,
        "bert.encoder.layer.0.output.dense.weight": K,
        "bert.pooler.dense.weight": K,
        "cls.predictions.transform.dense.weight": K,
        "cls.predictions.decoder.weight": B,
        "classifier.weight": B,
        "classifier.dense.weight": K,
        "classifier.out_proj.weight": B,
        "lm_head.dense.weight": K,
    },
    "distilbert": {
        "distilbert.embeddings.word_embeddings.weight": B,
        "distilbert.transformer.layer.0.attention.q_lin.weight": K,
        "distilbert.transformer.layer.0.ffn.lin1.weight": K,
        "pre_classifier.weight": K,
        "classifier.weight": B,
        "vocab_projector.weight": B,
    },
    "gpt2": {
        "transformer.wte.weight": B,
        "transformer.h.0.attn.bias": X,
        "transformer.h.0.attn.c_attn.weight": K,
        "transformer.h.0.attn.c_proj.weight": K,
        "transformer.h.0.mlp.c_fc.weight": K,
        "transformer.h.0.ln_1.weight": V,
        "score.weight": B,
    },
    "llama": {
        "model.embed_tokens.weight": B,
        "model.layers.0.self_attn.q_proj.weight": K,
        "model.layers.0.self_attn.o_proj.weight": K,
        "model.layers.0.mlp.down_proj.weight": K,
        "model.layers.0.input_layernorm.weight": V,
        "model.layers.0.self_attn.rotary_emb.inv_freq": X,
        "score.weight": B,
        "lm_head.weight": B,
    },
    "phi3": {
        "model.layers.0.self_attn.qkv_proj.weight": K,
        "model.layers.0.mlp.gate_up_proj.weight": K,
        "lm_head.weight": B,
    },
    "t5": {
        "shared.weight": B,
        "encoder.block.0.layer.0.SelfAttention.q.weight": K,
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": B,
        "encoder.block.0.layer.1.DenseReluDense.wo.weight": K,
        "encoder.block.0.layer.0.layer_norm.weight": V,
    },
    "vit": {
        "vit.embeddings.patch_embeddings.projection.weight": K,
        "vit.encoder.layer.0.attention.attention.query.weight": K,
        "vit.encoder.layer.0.attention.output.dense.weight": K,
        "vit.encoder.layer.0.output.dense.weight": K,
        "classifier.weight": B,
    },
    "timm-vit": {
        "patch_embed.proj.weight": K,
        "blocks.0.attn.qkv.weight": K,
        "blocks.0.mlp.fc1.weight": K,
        "head.weight": B,
    },
    "clip": {
        "text_model.embeddings.token_embedding.weight": B,
        "text_model.encoder.layers.0.self_attn.out_proj.weight": K,
        "text_model.encoder.layers.0.mlp.fc1.weight": K,
        "vision_model.embeddings.patch_embedding.weight": K,
        "vision_model.embeddings.position_embedding.weight": X,
        "text_projection.weight": K,
    },
    "timm-convnext": {
        "stem.0.weight": K,
        "stages.0.blocks.0.conv_dw.weight": K,
        "stages.0.blocks.0.mlp.fc1.weight": K,
        "head.norm.weight": V,
        "head.fc.weight": B,
    },
    "convnext": {
        "convnext.embeddings.patch_embeddings.weight": K,
        "convnext.encoder.stages.0.layers.0.dwconv.weight": K,
        "convnext.encoder.stages.0.layers.0.pwconv1.weight": K,
        "classifier.weight": B,
    },
    "resnet": {
        "conv1.weight": K,
        "layer1.0.conv1.weight": K,
        "layer4.0.conv1.weight": K,
        "bn1.running_mean": X,
        "fc.weight": B,
    },
    "resnet-huggingface": {
        "resnet.embedder.embedder.convolution.weight": K,
        "resnet.encoder.stages.1.layers.0.shortcut.convolution.weight": K,
        "classifier.1.weight": B,
    },
    "diffusers-unet": {
        "conv_in.weight": K,
        "time_embedding.linear_1.weight": K,
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight": K,
        "mid_block.resnets.0.time_emb_proj.weight": K,
        "up_blocks.0.resnets.0.conv1.weight": K,
        "conv_out.weight": B,
    },
    "diffusers-vae": {
        "encoder.conv_in.weight": K,
        "encoder.conv_out.weight": K,
        "decoder.conv_in.weight": K,
        "decoder.mid_block.attentions.0.to_out.0.weight": K,
        "quant_conv.weight": K,
        "decoder.conv_out.weight": B,
    },
    "stable-diffusion": {
        "betas": X,
        "model.diffusion_model.time_embed.0.weight": K,
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_out.0.weight": K,
        "model.diffusion_model.out.2.weight": B,
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": B,
    },
    "whisper": {
        "model.encoder.conv1.weight": K,
        "model.encoder.conv2.weight": K,
        "model.decoder.embed_tokens.weight": B,
        "model.decoder.layers.0.encoder_attn.q_proj.weight": K,
        "proj_out.weight": B,
    },
    "wav2vec": {
        "wav2vec2.feature_extractor.conv_layers.0.conv.weight": K,
        "wav2vec2.encoder.pos_conv_embed.conv.weight": K,
        "wav2vec2.encoder.layers.0.attention.out_proj.weight": K,
        "wav2vec2.encoder.layers.0.feed_forward.output_dense.weight": K,
        "lm_head.weight": B,
    },
}


def infos(roles):
    return {
        name: TensorInfo(name=name, shape=VECTOR if role in (V, X) else MATRIX, dtype="float32")
        for name, role in roles.items()
    }


def test_every_architecture_of_the_table_is_tried():
    assert MODELS.keys() == table().keys()


@pytest.mark.parametrize("name", MODELS)
def test_the_roles_of_an_architecture(name):
    tensors = infos(MODELS[name])
    assert name in rules_of(tensors).architectures
    roles = Layout.of(tensors).roles
    found = {name: roles[key] for name, key in Layout.of(tensors).by_stored_name.items()}
    assert found == {name: role for name, role in MODELS[name].items() if role is not X}


@pytest.mark.parametrize("name", MODELS)
def test_an_architecture_is_distinguished_from_the_others(name):
    assert set(rules_of(MODELS[name]).architectures) <= {name, "diffusers-unet"}


def test_positions_that_a_formula_gives_are_left_out_and_trained_ones_are_not():
    name = "bert.embeddings.position_embeddings.weight"
    names = [*infos(MODELS["bert"]), name]
    tensors = {n: TensorInfo(name=n, shape=MATRIX, dtype="float32", is_trained=True) for n in names}
    assert Layout.of(tensors).roles["bert.embeddings.position_embeddings.weight"] is B
    computed = {n: TensorInfo(name=n, shape=MATRIX, dtype="float32") for n in names}
    assert name not in Layout.of(computed).tensors


def test_a_model_of_no_known_architecture_has_no_rules():
    assert rules_of(["conv1.weight", "fc.weight"]).entries == ()
    assert rules_of([]).use_of("a" * 100_000) is None


def test_entries_stand_in_one_list_and_marks_are_of_the_architecture():
    for row in table().values():
        assert row.marks
        assert set(row.entries.values()) <= set(Use)
