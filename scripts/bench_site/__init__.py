"""The product as the benchmark serves it: production settings and one more middleware
that measures. Nothing of this is loaded anywhere else."""
