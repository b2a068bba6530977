//! The log of the day, and what the statistics calls show.

use super::api::{ApiError, Reply};
use super::http::Call;
use super::names;
use super::state::{Server, Version, timestamp};
use serde_json::{Map, Value, json};

const COUNTERS: [&str; 11] = [
    "totalQueries",
    "totalNoError",
    "totalServerFailure",
    "totalNxDomain",
    "totalRefused",
    "totalAuthoritative",
    "totalRecursive",
    "totalCached",
    "totalBlocked",
    "totalDropped",
    "totalClients",
];
const STATS_TYPES: [&str; 6] = ["LastHour", "LastDay", "LastWeek", "LastMonth", "LastYear", "Custom"];

/// The lines of today's file, and counters.
#[derive(Debug, Default)]
pub struct Log {
    /// Each with its time in front.
    pub lines: Vec<String>,
    /// DNS requests since the start.
    pub queries: u64,
    /// Of them, answered by RCODE.
    pub by_rcode: [u64; 16],
}

impl Log {
    /// Writes one line.
    pub fn write(&mut self, line: &str) {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        self.lines.push(format!("[{now} UTC] {line}"));
    }

    /// Counts a DNS request.
    pub fn count(&mut self, rcode: Option<u8>) {
        self.queries += 1;
        if let Some(slot) = rcode.and_then(|rcode| self.by_rcode.get_mut(usize::from(rcode))) {
            *slot += 1;
        }
    }
}

/// Today, as log files are named.
fn today() -> String {
    timestamp().chars().take(10).collect()
}

impl Server {
    fn counters(&self) -> Map<String, Value> {
        let rcode = |n: usize| self.log.by_rcode.get(n).copied().unwrap_or(0);
        let value = |name: &str| match name {
            "totalQueries" => self.log.queries,
            "totalNoError" => rcode(0),
            "totalServerFailure" => rcode(2),
            "totalNxDomain" => rcode(3),
            "totalRefused" => rcode(5),
            "totalAuthoritative" => rcode(0) + rcode(3),
            _ => 0,
        };
        COUNTERS.iter().map(|name| ((*name).to_owned(), value(name).into())).collect()
    }

    /// `dashboard/…`.
    pub fn dashboard(&self, call: &Call) -> Result<Reply, ApiError> {
        match call.path.as_str() {
            "dashboard/stats/get" => {
                let kind = call.get("type").unwrap_or_else(|| "LastHour".into());
                if !STATS_TYPES.iter().any(|known| known.eq_ignore_ascii_case(&kind)) {
                    return Err(ApiError::text(match self.version {
                        Version::V13_6 => format!("Unknown stats type requested: {kind}"),
                        _ => format!("Requested value '{kind}' was not found."),
                    }));
                }
                let mut stats = self.counters();
                stats.insert("zones".into(), self.live.zones.len().into());
                for name in ["cachedEntries", "allowedZones", "blockedZones", "allowListZones", "blockListZones"] {
                    stats.insert(name.into(), 0.into());
                }
                Ok(Reply::Response(json!({"stats": stats, "mainChartData": {}, "topClients": [], "topDomains": [],
                                          "topBlockedDomains": []})))
            }
            "dashboard/metrics/json" if self.version >= Version::V15_2 => {
                let start: Option<jiff::Timestamp> = self.up_since.parse().ok();
                let up = start.map_or(0, |start| jiff::Timestamp::now().as_second() - start.as_second());
                Ok(Reply::Response(json!({"uptimestamp": self.up_since, "uptimeSeconds": up,
                                          "lifetimeCounters": self.counters()})))
            }
            _ => self.unknown(),
        }
    }

    /// `logs/…`.
    pub fn logs(&self, call: &Call) -> Result<Reply, ApiError> {
        match call.path.as_str() {
            "logs/list" => {
                let bytes: usize = self.log.lines.iter().map(|line| line.len() + 1).sum();
                let size = match bytes {
                    0..1024 => format!("{bytes} B"),
                    _ => format!("{}.{:02} KB", bytes / 1024, bytes % 1024 * 100 / 1024),
                };
                Ok(Reply::Response(json!({"logFiles": [{"fileName": today(), "size": size}]})))
            }
            "logs/download" => self.download(call),
            "logs/query" => {
                let name = call.require("name")?;
                Err(ApiError::text(format!("DNS application was not found: {name}")))
            }
            _ => self.unknown(),
        }
    }

    fn download(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = call.require("fileName")?;
        let limit = call.get("limit").map_or(Ok(0), |text| names::integer(&text))?;
        if name != today() {
            let folder = if self.version >= Version::V15_2 { "/etc/dns" } else { "/etc/dns/config" };
            return Err(ApiError::text(format!("Could not find file '{folder}/logs/{name}.log'.")));
        }
        let mut text: String = self.log.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        // The limit, in MiB, cuts the end: the newest lines are what is lost.
        let bytes = usize::try_from(limit).unwrap_or(0).saturating_mul(1024 * 1024);
        if bytes > 0 && text.len() > bytes {
            text = text.chars().take(bytes).collect();
            text.push_str("\n####___TRUNCATED___####");
        }
        Ok(Reply::Text(text))
    }
}
