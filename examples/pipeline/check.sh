#!/usr/bin/env bash
# What a pipeline runs before a model is published: is it derived from the model that it says, by its weights?
# Usage: check.sh MODEL PARENT FAMILY    (FAMILY: a folder with more models of the family; they make the answer safer)
set -u
model=$1 parent=$2 family=$3

# 1. The claim of the release: derived from PARENT. Exit code 0 yes, 1 no, 4 undetermined.
nphylo derived "$model" --from "$parent" --among "$family" --quiet --format junit -o derived.xml
derived=$?

# 2. Every claim that the model itself makes: its card, its configuration, the metadata of its files.
nphylo verify "$model" --among "$parent" --among "$family" --quiet --format sarif -o verify.sarif
verified=$?

echo "derived: exit $derived, verify: exit $verified"
[ "$derived" -eq 0 ] && [ "$verified" -eq 0 ]
