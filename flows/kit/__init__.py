"""The plugin kit: scaffolds of sources and plugins, and the checks that a converter has to pass."""
