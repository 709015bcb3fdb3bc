"""Gathers what the judge judges by: metrics of two versions, and their answers to labelled examples."""
