"""How one model can be explained from another: one table of explanations, each with its price in bits."""
