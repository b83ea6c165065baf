//! process-compose.yaml, as process-compose 1.122 reads it.

mod substitute;
