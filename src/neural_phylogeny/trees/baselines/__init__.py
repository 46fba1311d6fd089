"""What `auto` is compared with: the paper's stars and clusterings, MoTHer, nearest neighbours."""
