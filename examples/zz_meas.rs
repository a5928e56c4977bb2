use tamis::fingerprint::*; use tamis::set::*; use tamis::*; use std::time::Instant;
fn main(){ let n:u64=std::env::args().nth(1).unwrap().parse().unwrap(); let path="/tmp/meas/m.tamis";
 let t=Instant::now(); let mut b=SetBuilder::new(); let l=b.add_list(List::new("x",ListKind::Exchange)).unwrap(); let mut x=0x9E3779B97F4A7C15u64;
 for i in 0..n { let mut c=[0u8;32]; let h=blake3::hash(&i.to_le_bytes()); for k in 0..16{ c[2*k]=h.as_bytes()[k]; c[2*k+1]=!c[2*k]; } x^=x<<13; let f=Fingerprint::new(Algorithm::Pdq,&c).unwrap(); b.add(l,Entry{source_id:format!("row-{i}"),item:format!("item-{}",i/4),labels:vec!["violent".into()],reviewed:true,quality:Some(90),..Entry::new(f)}).unwrap(); }
 println!("add {:?}",t.elapsed()); let t=Instant::now(); let r=b.write(path).unwrap(); println!("write {:?} {} bytes {} entries",t.elapsed(),r.bytes,r.entries);
 for _ in 0..3 { let t=Instant::now(); let s=Set::open(path).unwrap(); let o=t.elapsed(); let t=Instant::now(); let q=PdqHash([0x55;32]); let k=search::query(&s,q,31).unwrap().len(); let first=t.elapsed(); let t=Instant::now(); search::query(&s,q,31).unwrap(); println!("open {o:?} first query {first:?} second {:?} {k}",t.elapsed()); }
 let s=Set::open(path).unwrap(); let t=Instant::now(); s.verify(&mut |_|{}).unwrap(); println!("verify {:?} = {:.0} MB/s",t.elapsed(), s.size() as f64/1e6/t.elapsed().as_secs_f64());
 let t=Instant::now(); let s2=Set::load(path).unwrap(); println!("load {:?} {}",t.elapsed(),s2.entry_count());
 println!("{}",std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l|l.starts_with("VmHWM")).unwrap());
}
