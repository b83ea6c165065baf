//! The dashboard, screen by screen, over one fixture: the states of every kind at once.

mod fixture;
mod forty;
mod forty_keys;
mod keys;
mod picture;
mod properties;
mod reading;
mod screens;
