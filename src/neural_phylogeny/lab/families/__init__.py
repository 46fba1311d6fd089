"""Small families of networks with known truth, made in bulk: what the learned detector is trained on."""
