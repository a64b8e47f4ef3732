"""Benchmarks: each module measures one path of the product beside what a user would pick instead, in the same run."""
