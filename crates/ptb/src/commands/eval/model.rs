//! The model under evaluation and the engine that runs it.

use std::path::Path;

use ptb_core::definitions::{BenchmarkDefinition, Catalog};
use ptb_core::files;
use ptb_eval::choice::{EngineSettings, LocalModel, choose};
use ptb_eval::endpoint::{Address, EndpointError, EndpointSettings, HttpEngine};
use ptb_eval::engine::{Engine, EngineError};
use ptb_eval::evaluation::ModelIdentity;
use ptb_eval::http::ApiKey;
use ptb_eval::on_demand::OnDemandEngine;

use super::setup::Setup;
use crate::commands::Environment;
use crate::commands::model::{self, Found};
use crate::failure::{Failure, Outcome, Sort, usage};
use crate::output;

/// The model under evaluation.
pub struct Subject {
    /// What names it in logs and tells it from others.
    pub identity: ModelIdentity,
    place: Place,
}

/// Where the model is.
enum Place {
    Here(Found),
    There(Box<EndpointSettings>),
}

impl Subject {
    /// The model that the command is about.
    pub fn find(setup: &Setup, catalog: &Catalog, environment: &Environment) -> Result<Self, Failure> {
        match &setup.endpoint {
            Some(url) => Self::at_endpoint(url, setup),
            None => Self::on_this_machine(setup, catalog, environment),
        }
    }

    fn on_this_machine(setup: &Setup, catalog: &Catalog, environment: &Environment) -> Result<Self, Failure> {
        let found = model::find(setup.model_name(), catalog, environment)?;
        check_template(setup.templates_dir.as_deref(), &found)?;
        let identity = ModelIdentity::of_folder(&*found.name, &found.folder).usage()?;
        Ok(Self { identity, place: Place::Here(found) })
    }

    /// A server says nothing about its weights, so address and name stand for them.
    fn at_endpoint(url: &str, setup: &Setup) -> Result<Self, Failure> {
        let address = Address::parse(url).map_err(|error| usage(format!("--endpoint: {error}")))?;
        let key = setup.endpoint_key_env.as_deref().map(ApiKey::from_env).transpose().environment()?;
        let name = setup.model_name().to_owned();
        let identity = ModelIdentity { hash: format!("{name} at {}", address.shown()), name };
        let settings = EndpointSettings {
            model: Some(identity.name.clone()),
            key,
            send_seed: setup.sends_seeds(),
            ..EndpointSettings::new(address)
        };
        Ok(Self { identity, place: Place::There(Box::new(settings)) })
    }

    /// The engine that runs the model.
    pub fn engine<'a>(
        &'a self,
        setup: &Setup,
        benchmark: &BenchmarkDefinition,
        log_folder: &Path,
    ) -> Result<Box<dyn Engine + 'a>, Failure> {
        match &self.place {
            Place::Here(found) => local_engine(found, setup, benchmark, log_folder),
            Place::There(settings) => {
                let connections = setup.max_connections.unwrap_or(benchmark.concurrency as usize).max(1);
                let settings = EndpointSettings { connections, ..(**settings).clone() };
                let (name, greedy) = (settings.name.clone(), settings.greedy);
                Ok(Box::new(OnDemandEngine::new(name, greedy, move || connect(settings.clone()))))
            }
        }
    }
}

fn local_engine<'a>(
    found: &'a Found,
    setup: &Setup,
    benchmark: &BenchmarkDefinition,
    log_folder: &Path,
) -> Result<Box<dyn Engine + 'a>, Failure> {
    let settings = EngineSettings {
        engine: setup.engine,
        connections: setup.max_connections,
        gpu_memory: setup.gpu_memory_utilization,
        send_seed: setup.sends_seeds(),
        server_log: log_folder.join("server.log"),
    };
    let model = LocalModel { name: &found.name, folder: &found.folder, family: found.family };
    choose(model, benchmark, &settings, &|line| output::say(line)).usage()
}

fn connect(settings: EndpointSettings) -> Result<Box<dyn Engine>, EngineError> {
    match HttpEngine::connect(settings) {
        Ok(engine) => Ok(Box::new(engine)),
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &EndpointError) -> EngineError {
    // Neither a missing server nor a wrong model gets better by fewer tokens.
    EngineError::Unavailable(error.to_string())
}

/// A changed template would make the numbers here say nothing about the final evaluation.
fn check_template(folder: Option<&Path>, model: &Found) -> Outcome {
    let Some(folder) = folder else { return Ok(()) };
    for template in [model.family.template(false), model.family.template(true)] {
        let path = folder.join(format!("{template}.jinja"));
        if files::read_text(&path).usage()? != template.source() {
            return Err(usage(format!(
                "{} is not the template that the final evaluation uses: restore it, or leave --templates-dir out",
                path.display()
            )));
        }
    }
    Ok(())
}
