//! Time, replaceable so that tests don't wait.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The clock of a world.
#[derive(Clone)]
pub enum Clock {
    /// The machine's.
    Real,
    /// A test's: `sleep` returns at once and moves it on.
    Fake(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// A test's clock that starts here.
    pub fn fake(start: Timestamp) -> Self {
        Self::Fake(Arc::new(Mutex::new(start)))
    }

    /// Now, in UTC.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Fake(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        match self {
            Self::Real => tokio::time::sleep(time).await,
            Self::Fake(now) => {
                let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
                *now = now.checked_add(time).unwrap_or(*now);
            }
        }
    }
}
