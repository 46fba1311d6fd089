"""Do the probabilities of an answer mean what they say, on generators of families that are left out?"""
