//! What is started for a task, and how its output is understood.
