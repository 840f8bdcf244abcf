"""The description of a run: options of every component, the strict reader of scenario files, the estimate, and the schema for editors.

    YAML file, overrides --> strict_yaml --> tree: merge layers --> pydantic models --> Scenario
                                                |
                            problems: errors with file, line, key, value, what is allowed

    schema, nodes, channel, schemes, layers, snr, fading, jammers, policies, ...   the options, with the components they declare
    base, field_spec      how a field takes the options of any component, and what it allows, for messages and tables
    load                  reads a file, applies layers and overrides, validates
    strict_yaml, yaml_scalars, tree, path_resolution, problems             steps of `load`
    estimate, control_size, model_facts                                    what a run will cost
    editor_schema         scenarios/scenario.schema.json

Nothing here imports torch or builds a component: a declaration names its factory by import path, so `linksim check` answers at once. All
options are immutable and are part of the trace, which repeats the run.
"""
