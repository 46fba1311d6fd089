"""What the numbers say of a pair of models: existence and direction, each answer an Evidence."""
