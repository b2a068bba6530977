//! The second way to write config.xml: pfSense's own PHP, for operators who want its `write_config()` with all its hooks
//! (AutoConfigBackup, packages, HA sync). It writes the whole file. The new content is worked out and proven here first,
//! and read again afterwards.

use super::save::{Paths, Save, Saved, back_up, read};
use crate::error::{Doing, Error, Result};
use crate::systems::pfsense::xml::Seen;
use crate::world::{Digest, Host};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// `write_config()` waits for pfSense's lock and runs packages' hooks.
const LIMIT: Duration = Duration::from_secs(120);
/// Printed when `write_config()` returned the configuration; it answers `-1` or `false` on failure (pfSense 2.7, 2.8).
const END: &str = "pfddns: written";
/// Printed when the file is not the one the change was made for.
const CHANGED: &str = "pfddns: changed";

/// Changes config.xml through pfSense. Writes nothing if the file already has the changes.
pub fn save_by_php(host: &mut Host, paths: &Paths, php: &Path, what: &Save<'_>) -> Result<Saved> {
    let config = &paths.config;
    let bytes = host.read(config)?;
    let before = Digest::of(&bytes);
    if what.replaces.is_some_and(|it| *it != before) {
        return Err(Error::stale(config.display()));
    }
    let old = read(&bytes).doing(|| format!("reading {}", config.display()))?;
    if old.holds(what.edits)? {
        return Ok(Saved { after: before.clone(), before: Some(before), backup: None });
    }
    let new = old.edited(what.edits).doing(|| format!("editing {}", config.display()))?;
    let wanted = Seen::of(&read(&new)?, read(&new)?.root());
    let sections = differences(&Seen::of(&old, old.root()), &wanted);
    let backup = back_up(host, paths, &bytes, what.run).doing(|| "keeping a backup of config.xml")?;
    run(host, php, &script(paths, &bytes, what.reason, &sections)?, config)?;
    let written = host.read(config)?;
    let found = read(&written).doing(|| "reading what pfSense wrote")?;
    let others = differences(&wanted, &Seen::of(&found, found.root()));
    if let Some(section) = others.keys().find(|it| *it != "revision") {
        return Err(Error::new(format!(
            "{}: <{section}> differs from what pfSense was asked to write",
            config.display()
        ))
        .hint(format!("somebody else may have saved at that moment; the old file is {}", backup.display())));
    }
    Ok(Saved { before: Some(before), after: Digest::of(&written), backup: Some(backup) })
}

/// The sections below `<pfsense>` that differ, with their new content; null: removed.
fn differences(old: &Seen, new: &Seen) -> Map<String, Value> {
    let keys = |seen: &Seen| match seen {
        Seen::Map(map) => map.iter().map(|(key, _)| key.clone()).collect(),
        _ => Vec::new(),
    };
    let mut all = keys(old);
    all.extend(keys(new).into_iter().filter(|key| old.get(key).is_none()));
    all.retain(|key| old.get(key) != new.get(key));
    all.into_iter().map(|key| (key.clone(), new.get(&key).map_or(Value::Null, Seen::to_json))).collect()
}

/// The script for pfSense's PHP. Travels by standard input, since sections hold secrets; as base64, so that no value can
/// end the string it is in. pfSense's cache goes first: releases up to 2.8 use it instead of the file.
fn script(
    paths: &Paths,
    bytes: &[u8],
    reason: &str,
    sections: &Map<String, Value>,
) -> Result<zeroize::Zeroizing<String>> {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest: String = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let ask = json!({
        "config": paths.config, "cache": paths.cache, "digest": digest,
        "reason": format!("pfddns: {reason}"), "sections": sections,
    });
    let ask = serde_json::to_vec(&ask).map_err(|error| Error::new(format!("the change as JSON: {error}")))?;
    let ask = base64::engine::general_purpose::STANDARD.encode(zeroize::Zeroizing::new(ask));
    Ok(zeroize::Zeroizing::new(format!(
        "<?php\n$pfddns = json_decode(base64_decode('{ask}'), true);\n@unlink($pfddns['cache']);\n\
         require_once('config.inc');\nrequire_once('functions.inc');\n\
         if (hash_file('sha256', $pfddns['config']) !== $pfddns['digest']) {{ echo \"\\n{CHANGED}\\n\"; exit(1); }}\n\
         foreach ($pfddns['sections'] as $key => $value) {{\n\
         if ($value === null) {{ if (function_exists('config_del_path')) config_del_path($key); else unset($config[$key]); }}\n\
         elseif (function_exists('config_set_path')) config_set_path($key, $value); else $config[$key] = $value;\n}}\n\
         if (is_array(write_config($pfddns['reason']))) echo \"\\n{END}\\n\";\n"
    )))
}

fn run(host: &mut Host, php: &Path, script: &str, config: &Path) -> Result<()> {
    if host.mode(php)?.is_none() {
        return Err(Error::new(format!("{} does not exist, and pfsense.writer needs it", php.display()))
            .hint("is this a pfSense firewall? `writer = \"pfddns\"` needs no PHP"));
    }
    let ran = host.run(&[&php.display().to_string()], script.as_bytes(), LIMIT)?;
    let said = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|it| it == word.as_bytes());
    if said(&ran.stdout, END) {
        return Ok(());
    }
    if said(&ran.stdout, CHANGED) {
        return Err(Error::stale(config.display()));
    }
    // Not the output itself: PHP prints values in its messages.
    Err(Error::new(format!("pfSense's write_config() failed (exit code {})", ran.code)).hint(
        "System > Logs and the notices in pfSense's web interface say why; `writer = \"pfddns\"` needs no write_config()",
    ))
}
