"""What others would write for the same work: run by the benchmarks, never by us."""
