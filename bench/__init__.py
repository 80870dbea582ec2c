"""The benchmark, `make bench`: what one hub takes in, rolls up and gives out, beside what its Postgres alone could do."""
