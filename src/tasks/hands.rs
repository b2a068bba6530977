//! Serves a pfddns on another machine: what `world::hands` does, with the programs that our systems run.

use crate::error::Result;
use crate::systems::programs;
use crate::world::hands;
use std::io::{Read, Write};

/// Until the input ends.
pub async fn serve(input: impl Read + Send + 'static, output: impl Write) -> Result<()> {
    hands::serve(input, output, &programs()).await
}
