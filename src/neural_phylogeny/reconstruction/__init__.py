"""From models to an answer, in the order in which it happens: collect, examine, decide, claim, explain."""
