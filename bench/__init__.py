"""The benchmark, `make bench`: what one server process takes in and gives out, beside what its Postgres alone could do."""
