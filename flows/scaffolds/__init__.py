"""What `medloom new` writes, as Jinja templates."""
