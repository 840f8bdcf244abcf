"""How a run is described: the words (`schema`), the strict reader, layers and their faults, the estimate, the schema for editors."""
