"""The nodes of a link: Alice, Bob, Eve and the evaluator."""
