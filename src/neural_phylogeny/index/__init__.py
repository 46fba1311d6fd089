"""All fingerprints so far: a catalogue, a store of their bytes, and sketches in which near ones are found."""
