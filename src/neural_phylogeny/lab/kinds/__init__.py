"""Collections with one of each kind of relation: small networks that are really trained, and what is made of them."""
