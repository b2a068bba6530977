//! The TSIG key table: always replaced as a whole, never checked against what uses it.

use super::api::ApiError;
use super::names;
use super::state::{Server, Version};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use base64::{Engine as _, alphabet};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};

const MD5: &str = "hmac-md5.sig-alg.reg.int";
/// What `set` takes; `hmac-sha224` and `gss-tsig` among them never work at the DNS port.
const ALGORITHMS: [&str; 10] = [
    MD5,
    "hmac-sha1",
    "hmac-sha224",
    "hmac-sha256",
    "hmac-sha256-128",
    "hmac-sha384",
    "hmac-sha384-192",
    "hmac-sha512",
    "hmac-sha512-256",
    "gss-tsig",
];
const OFFSET: &str = "Offset and length were out of bounds for the array or count is greater than the number of \
                      elements from index to the end of the source collection.";

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsigKey {
    /// Lower case, no final dot.
    pub name: String,
    /// As it was given, whatever it is.
    pub secret: String,
    /// As it was given, until a restart.
    pub algorithm: String,
}

impl TsigKey {
    /// The bytes that sign: base64 as .NET reads it (white space and spare bits do not matter), and if that fails the
    /// text itself.
    pub fn bytes(&self) -> Vec<u8> {
        let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let text: String = self.secret.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect();
        let decoded = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(text);
        decoded.unwrap_or_else(|_| self.secret.as_bytes().to_vec())
    }

    /// After a restart the algorithm stands in its own spelling.
    pub fn canonical(&mut self) {
        self.algorithm = self.algorithm_name();
    }

    /// The algorithm, lower case and MD5 by its long name.
    pub fn algorithm_name(&self) -> String {
        let lower = self.algorithm.to_ascii_lowercase();
        if lower == "hmac-md5" { MD5.to_owned() } else { lower }
    }

    fn new(version: Version, name: &str, secret: &str, algorithm: &str) -> Result<Self, ApiError> {
        let name = names::ascii(name.trim_end_matches('.')).to_lowercase();
        let lower = algorithm.to_ascii_lowercase();
        let alias = lower == "hmac-md5" && (!secret.is_empty() || version < Version::V14_3);
        if !alias && !ALGORITHMS.contains(&lower.as_str()) {
            return Err(ApiError::text("TSIG algorithm is not supported."));
        }
        names::check(version, &name)?;
        if secret.is_empty() {
            let algorithm = if alias { MD5.to_owned() } else { lower };
            return Ok(Self { name, secret: generate(&algorithm), algorithm });
        }
        Ok(Self { name, secret: secret.to_owned(), algorithm: algorithm.to_owned() })
    }
}

/// An empty secret makes the server invent one.
fn generate(algorithm: &str) -> String {
    let length = if algorithm.contains("sha384") {
        48
    } else if algorithm.contains("sha512") {
        64
    } else {
        32
    };
    let mut bytes = vec![0u8; length];
    let _ = SystemRandom::new().fill(&mut bytes); // an all-zero secret would show in the first test that asks twice
    BASE64_STANDARD.encode(bytes)
}

/// `settings/set tsigKeys=…` of a form: three cells per row, `false` clears, empty differs by version.
pub fn from_form(version: Version, text: &str) -> Result<Option<Vec<TsigKey>>, ApiError> {
    if text.is_empty() && version < Version::V14_3 {
        return Ok(None);
    }
    if text.is_empty() || text.eq_ignore_ascii_case("false") {
        return Ok(Some(Vec::new()));
    }
    let cells: Vec<&str> = text.split('|').collect();
    let rows = cells.chunks(3).map(|row| match row {
        [name, secret, algorithm] => TsigKey::new(version, name, secret, algorithm),
        _ => Err(ApiError::text(OFFSET)),
    });
    table(rows.collect::<Result<_, _>>()?).map(Some)
}

/// The same from a JSON body; `null` clears too.
pub fn from_json(version: Version, value: &Value) -> Result<Vec<TsigKey>, ApiError> {
    let field = |row: &Value, name: &str| {
        let text = row.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| ApiError::text("The given key was not present in the dictionary."))
    };
    let rows = match value {
        Value::Array(rows) => rows.clone(),
        Value::Null => Vec::new(),
        other => {
            let kind = match other {
                Value::Object(_) => "Object",
                Value::String(_) => "String",
                Value::Number(_) => "Number",
                Value::Bool(true) => "True",
                _ => "False",
            };
            return Err(ApiError::text(format!(
                "The requested operation requires an element of type 'Array', but the target element has type '{kind}'."
            )));
        }
    };
    let rows = rows.into_iter().map(|row| {
        TsigKey::new(version, &field(&row, "keyName")?, &field(&row, "sharedSecret")?, &field(&row, "algorithmName")?)
    });
    table(rows.collect::<Result<_, _>>()?)
}

fn table(rows: Vec<TsigKey>) -> Result<Vec<TsigKey>, ApiError> {
    for (at, key) in rows.iter().enumerate() {
        if rows.iter().take(at).any(|earlier| earlier.name == key.name) {
            let text = format!("An item with the same key has already been added. Key: {}", key.name);
            return Err(ApiError::text(text));
        }
    }
    if rows.len() > 255 {
        return Err(ApiError::text("TSIG keys cannot have more than 255 entries. (Parameter 'TsigKeys')"));
    }
    Ok(rows)
}

/// As `settings/get` shows them: sorted, secrets in clear.
pub fn to_json(keys: &[TsigKey]) -> Value {
    let mut sorted: Vec<&TsigKey> = keys.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let row = |key: &TsigKey| json!({"keyName": key.name, "sharedSecret": key.secret, "algorithmName": key.algorithm});
    sorted.into_iter().map(row).collect()
}

impl Server {
    /// Names only, in the order of the table.
    pub fn key_names(&self) -> Value {
        self.live.config.keys.iter().map(|key| Value::from(key.name.clone())).collect()
    }
}
