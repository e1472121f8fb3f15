"""Writers: the tasks that an engine phrases; `synthesis/writer.py` says how they are asked."""
