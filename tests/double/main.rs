//! The doubles against what real servers answered.
