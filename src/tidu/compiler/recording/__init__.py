"""One run of a function on stand-ins, which leaves a graph, and all that the function can reach."""
