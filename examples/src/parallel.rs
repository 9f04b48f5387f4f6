//! Jobs in parallel, each on one thread.

use std::sync::Mutex;

use elbo::with_threads;

use crate::Failure;

/// The results of jobs in their order, several at a time, each on one thread; after an error no other job begins.
///
/// # Errors
/// The first error, in the order of the jobs.
pub fn in_parallel<J: Sync, R: Send>(
    threads: usize,
    jobs: &[J],
    run: impl Fn(&J) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let (next, done) = (Mutex::new(0..jobs.len()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(place) = next.lock().ok().and_then(|mut next| next.next()) {
                    let result = with_threads(1, || run(&jobs[place]));
                    if result.is_err()
                        && let Ok(mut next) = next.lock()
                    {
                        *next = 0..0;
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push((place, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs_and_an_error_ends_them() {
        let jobs: Vec<u64> = (0..20).collect();
        let squares = in_parallel(3, &jobs, |job| Ok(job * job)).unwrap();
        assert_eq!(squares, jobs.iter().map(|job| job * job).collect::<Vec<_>>());
        let begun = Mutex::new(0);
        let fails = |job: &u64| {
            *begun.lock().unwrap() += 1;
            if *job == 2 { Err(Failure::Input("job 2".to_owned())) } else { Ok(*job) }
        };
        assert_eq!(in_parallel(1, &jobs, fails).unwrap_err().to_string(), "job 2");
        assert_eq!(*begun.lock().unwrap(), 3);
    }
}
