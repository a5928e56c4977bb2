//! What a worker process costs: the same pictures examined in this process and in a child, in turns, so that a busy machine is
//! equally busy for both; and how long a worker takes to start.
//!
//! No criterion here: it measures one thing after the other. Medians and the lower quartile are printed.

#[cfg(unix)]
mod common;

#[cfg(unix)]
fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        std::process::exit(i32::from(tamis::sandbox::run_worker().is_err()));
    }
    measure::all(std::env::args().any(|argument| argument == "--test"));
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
#[allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
mod measure {
    use std::time::{Duration, Instant};

    use tamis::Limits;
    use tamis::examine::{Asked, Examiner};
    use tamis::fingerprint::View;
    use tamis::media::sniff;
    use tamis::sandbox::{Worker, WorkerOptions};

    use crate::common::{Picture, STRANGER};

    fn options() -> WorkerOptions {
        WorkerOptions::new(std::env::current_exe().expect("a path"))
    }

    fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let out = work();
        times.push(started.elapsed());
        out
    }

    /// Median and lower quartile, in microseconds.
    fn summary(mut times: Vec<Duration>) -> [f64; 2] {
        times.sort();
        [times[times.len() / 2], times[times.len() / 4]].map(|time| time.as_secs_f64() * 1e6)
    }

    pub(crate) fn all(only_assert: bool) {
        let small = Picture::draw(STRANGER, 200, 150);
        let mut png = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_raw(200, 150, small.rgb.clone())
            .expect("as many bytes as pixels")
            .write_to(&mut png, image::ImageFormat::Png)
            .expect("a small picture");
        let uploads = [
            ("PNG 200x150", png.into_inner(), 400),
            ("JPEG 1920x1080", Picture::draw(STRANGER, 1920, 1080).jpeg(85), 100),
            ("JPEG 4000x3000", Picture::draw(STRANGER, 4000, 3000).jpeg(85), 30),
        ];
        let limits = Limits::default().time(Duration::from_secs(60));
        let (mut examiner, mut worker) = (Examiner::new(), Worker::new(options()));
        println!("{:?}", worker.start().expect("this executable is a worker"));
        println!(
            "upload            bytes     in-process    worker  overhead us (median); lower quartiles"
        );
        for (name, upload, rounds) in &uploads {
            let media = sniff(upload);
            let (mut here, mut there) = (Vec::new(), Vec::new());
            for _ in 0..if only_assert { 1 } else { *rounds } {
                let asked = Asked { exact: false, ..Asked::exactly(View::ALL, &limits) };
                let expected = timed(&mut here, || examiner.examine(upload, &media, &asked));
                assert!(expected.as_ref().is_ok_and(|found| !found.perceptual.is_empty()));
                assert_eq!(timed(&mut there, || worker.examine(upload, &media, &asked)), expected);
            }
            let ([here, here_low], [there, there_low]) = (summary(here), summary(there));
            println!(
                "{name:16} {:7}  {here:12.0} {there:9.0} {:9.0}; {here_low:.0} {there_low:.0} {:.0}",
                upload.len(),
                there - here,
                there_low - here_low
            );
        }
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..if only_assert { 1 } else { 100 } {
            let mut worker = Worker::new(options());
            timed(&mut starts, || worker.start()).expect("as before");
            timed(&mut ends, || drop(worker));
        }
        let ([start, start_low], [end, end_low]) = (summary(starts), summary(ends));
        println!("start {start:.0}; {start_low:.0}   end {end:.0}; {end_low:.0}");
    }
}
