"""The long suites, part by part: `make deep`, `make deep PARTS="crash mail"`, `make deep-soak`."""
