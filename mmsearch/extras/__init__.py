"""Built on indexing and searching: benchmarks, evaluation, duplicates, exchange with other programs, Ray."""
