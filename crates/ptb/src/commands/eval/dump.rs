//! `--dump-requests`: the exact requests, without asking anybody.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use ptb_core::files;
use ptb_eval::data::DataStore;
use ptb_eval::endpoint::request_body;
use ptb_eval::evaluation::{ModelIdentity, Plan};
use serde_json::json;

use super::setup::{Questions, Setup};
use crate::commands::Environment;
use crate::failure::{Outcome, Sort};
use crate::output;

/// Writes one line for each item: its id and the body of its request.
pub fn dump(path: &Path, setup: &Setup, questions: &Questions, environment: &Environment) -> Outcome {
    let name = setup.model_name();
    let identity = ModelIdentity { name: name.to_owned(), hash: name.to_owned() };
    let store = DataStore::at(environment.cache.data());
    let plan = Plan::load(&store, &setup.request(questions, &identity)).map_err(super::missing_data)?;
    let run_seed = setup.seeds()[0];
    files::write_atomic_with(path, |file| {
        let mut writer = BufWriter::new(file);
        for (index, item) in plan.items().iter().enumerate() {
            let request = plan.request(index, plan.max_tokens(), plan.request_seed(run_seed, index));
            let body = request_body(name, &request, setup.sends_seeds());
            serde_json::to_writer(&mut writer, &json!({"sample_id": item.id, "request": body}))?;
            writer.write_all(b"\n")?;
        }
        writer.flush()
    })
    .environment()?;
    output::say(format!("{} requests in {}", plan.items().len(), path.display()));
    Ok(())
}
