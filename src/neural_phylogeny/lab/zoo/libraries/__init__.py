"""Families made with transformers, peft, diffusers and timm: random initialisation, real training, no download."""
