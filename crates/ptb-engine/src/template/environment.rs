//! What templates find around them: the filters, tests and functions that the field's servers give them.

use jiff::civil::Date;
use jiff::fmt::strtime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, Output, State};
use ptb_core::python::is_space;

use super::python::{call_method, dumps, is_defined, raise, str_of};

/// An environment without templates.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    if let Ok(syntax) = syntax.build() {
        environment.set_syntax(syntax);
    }
    // Its findings would end up in messages that are to read as Python's.
    environment.set_debug(false);
    environment.set_formatter(print);
    environment.set_unknown_method_callback(call_method);
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("string", |value: &Value| str_of(value));
    environment.add_filter("tojson", |value: &Value| dumps(value).map_err(Error::from));
    environment.add_filter("trim", |value: &Value| str_of(value).trim_matches(is_space).to_owned());
    environment.add_test("defined", is_defined);
    environment.add_test("even", minijinja::tests::is_even);
    environment.add_test("false", minijinja::tests::is_false);
    environment.add_test("iterable", is_iterable);
    environment.add_test("string", minijinja::tests::is_string);
    environment.add_function("namespace", minijinja::functions::namespace);
    environment.add_function("raise_exception", raise_exception);
    environment
}

fn print(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let written = match value.as_str() {
        Some(text) => out.write_str(text),
        None => out.write_str(&str_of(value)),
    };
    written.map_err(Error::from)
}

fn raise_exception(message: &str) -> Result<Value, Error> {
    Err(raise("TemplateError", message))
}

/// Unlike the template engine, Python does not iterate over what is null.
fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

/// The function `strftime_now` on a day.
pub(super) fn strftime_now(today: Date) -> Value {
    Value::from_function(move |format: &str| {
        strtime::format(format, today).map_err(|error| raise("ValueError", error.to_string()))
    })
}
